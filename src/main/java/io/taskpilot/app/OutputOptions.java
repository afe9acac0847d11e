package io.taskpilot.app;

import picocli.CommandLine.Option;

/** The flags of every command that shows something. */
final class OutputOptions {
    @Option(names = "--json", description = "JSON, for scripts.")
    private boolean json;

    @Option(names = "--no-color", description = "No colours; NO_COLOR in the environment does the same.")
    private boolean noColor;

    boolean json() {
        return json;
    }

    Terminal terminal(Shell shell) {
        return noColor ? shell.terminal().withoutColour() : shell.terminal();
    }
}

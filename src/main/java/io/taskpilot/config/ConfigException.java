package io.taskpilot.config;

import java.util.List;

/** What is wrong with the configuration, all of it at once, in a message for whoever starts the server. */
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final List<String> mistakes;

    public ConfigException(List<String> mistakes) {
        super(message(mistakes), null, false, false); // what to mend; a stack trace would only hide it
        this.mistakes = List.copyOf(mistakes);
    }

    private static String message(List<String> mistakes) {
        var head = mistakes.size() == 1
                ? "the configuration has a mistake:"
                : "the configuration has " + mistakes.size() + " mistakes:";
        return head + "\n  " + String.join("\n  ", mistakes);
    }

    /** One line each: the path, the value (never a secret's), what was expected, and where it was set. */
    public List<String> mistakes() {
        return mistakes;
    }
}

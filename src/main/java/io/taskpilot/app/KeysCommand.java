package io.taskpilot.app;

import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "keys", description = "API keys.", synopsisSubcommandLabel = "COMMAND")
final class KeysCommand {

    @Command(
            name = "hash",
            description = "Makes a key. Shows it once, on the standard error; prints its entry for auth.keysFile.",
            footer = {"", "As in: taskpilot keys hash --id ci --scope runs:write --scope runs:read >> conf/keys.yaml"})
    static final class Hash implements Callable<Integer> {
        private final Shell shell;

        @Mixin
        private ConfigOptions config = new ConfigOptions();

        @Option(names = "--id", description = "Who uses it (default: ${DEFAULT-VALUE}).", defaultValue = "client")
        private String id = "client";

        @Option(names = "--tenant", description = "Whose runs they are; left out, default.")
        private @Nullable String tenant;

        @Option(
                names = "--scope",
                description = "What it may do: runs:write, runs:read, approvals:decide, "
                        + "decisions:read, policy:evaluate, admin (default: runs:write and runs:read).")
        private List<String> scopes = List.of("runs:write", "runs:read");

        @Option(names = "--role", description = "As in approver: policy and approvals ask for roles.")
        private List<String> roles = List.of();

        @Option(names = "--json", description = "The key and its entry as JSON, on the standard output.")
        private boolean json;

        Hash(Shell shell) {
            this.shell = shell;
        }

        @Override
        public Integer call() {
            var secret = config.load(shell).config().auth().secret();
            if (secret == null) {
                throw new UsageFailure("auth.secret: missing (expected: what the server will hash keys with, "
                        + "as in TASKPILOT_AUTH_SECRET_FILE; `openssl rand -hex 32` makes one)");
            }
            var made = KeyEntry.make(secret, id, tenant, scopes, roles);
            if (json) {
                shell.out().println(made.json());
            } else {
                shell.err().println("the key, shown this once: " + made.key());
                shell.out().println(made.line());
            }
            return ExitCode.OK;
        }
    }
}

package io.taskpilot.app;

import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
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
        private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9_.@-]{1,64}");
        private static final List<String> SCOPES =
                List.of("runs:write", "runs:read", "approvals:decide", "decisions:read", "policy:evaluate", "admin");

        private final Shell shell;
        private final Jobs jobs;

        @Mixin
        private ConfigOptions config = new ConfigOptions();

        @Option(names = "--id", description = "Who uses it (default: ${DEFAULT-VALUE}).", defaultValue = "client")
        private String id = "client";

        @Option(
                names = "--scope",
                description = "What it may do: runs:write, runs:read, approvals:decide, "
                        + "decisions:read, policy:evaluate, admin (default: runs:write and runs:read).")
        private List<String> scopes = List.of("runs:write", "runs:read");

        @Option(names = "--role", description = "As in approver: policy and approvals ask for roles.")
        private List<String> roles = List.of();

        @Option(names = "--json", description = "The key and its entry as JSON, on the standard output.")
        private boolean json;

        Hash(Shell shell, Jobs jobs) {
            this.shell = shell;
            this.jobs = jobs;
        }

        @Override
        public Integer call() {
            check();
            var secret = config.load(shell).config().auth().secret();
            if (secret == null) {
                throw new UsageFailure("auth.secret: missing (expected: what the server will hash keys with, "
                        + "as in TASKPILOT_AUTH_SECRET_FILE; `openssl rand -hex 32` makes one)");
            }
            var made = jobs.makeKey().apply(secret);
            if (json) {
                shell.out()
                        .println(ApiClient.json(Map.of(
                                "key",
                                made.key(),
                                "id",
                                id,
                                "prefix",
                                made.prefix(),
                                "hash",
                                made.hash(),
                                "scopes",
                                scopes,
                                "roles",
                                roles)));
                return ExitCode.OK;
            }
            shell.err().println("the key, shown this once: " + made.key());
            shell.out().println("- id: " + id);
            shell.out().println("  prefix: " + made.prefix());
            shell.out().println("  hash: " + made.hash());
            shell.out()
                    .println("  scopes: ["
                            + String.join(
                                    ", ",
                                    scopes.stream().map(s -> "\"" + s + "\"").toList()) + "]");
            shell.out().println("  roles: [" + String.join(", ", roles) + "]");
            return ExitCode.OK;
        }

        private void check() {
            if (!NAME.matcher(id).matches()) {
                throw new UsageFailure("--id: '%s' (expected: 1..64 of letters, digits and . _ @ -)".formatted(id));
            }
            scopes.stream().filter(scope -> !SCOPES.contains(scope)).findFirst().ifPresent(scope -> {
                throw new UsageFailure("--scope: '%s' (expected: %s)".formatted(scope, String.join(", ", SCOPES)));
            });
            roles.stream()
                    .filter(role -> !NAME.matcher(role).matches())
                    .findFirst()
                    .ifPresent(role -> {
                        throw new UsageFailure("--role: '%s' (expected: a name such as approver)".formatted(role));
                    });
        }
    }
}

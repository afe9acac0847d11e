package io.taskpilot.app;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The first key of an installation, for whatever sets one up: may be run at each start. */
@Command(
        name = "create",
        description = "Makes a key once: writes it to a file, and its entry into auth.keysFile. Does nothing if that "
                + "file of the key is there.")
final class KeysCreateCommand implements Callable<Integer> {
    private final Shell shell;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    @Option(names = "--key-file", required = true, paramLabel = "FILE", description = "Where the key goes; private.")
    private Path keyFile = Path.of("");

    @Option(names = "--id", description = "Who uses it (default: ${DEFAULT-VALUE}).", defaultValue = "admin")
    private String id = "admin";

    @Option(names = "--tenant", description = "Whose runs they are; left out, default.")
    private @Nullable String tenant;

    @Option(names = "--scope", description = "What it may do, as with keys hash.")
    private List<String> scopes = List.of("runs:write", "runs:read");

    @Option(names = "--role", description = "As in approver: policy and approvals ask for roles.")
    private List<String> roles = List.of();

    KeysCreateCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws IOException {
        var auth = config.load(shell).config().auth();
        var secret = auth.secret();
        var keysFile = auth.keysFile();
        if (secret == null || keysFile == null) {
            throw new UsageFailure("auth.secret and auth.keysFile: missing (expected: what the server has)");
        }
        var file = shell.workDir().resolve(keyFile);
        if (Files.exists(file)) {
            shell.out().println("the key is there: " + file);
            return ExitCode.OK;
        }
        var made = KeyEntry.make(secret, id, tenant, scopes, roles);
        // The entry first: a key that no server knows would be there for good.
        replace(keysFile, keysWith(keysFile, made, secret));
        replace(file, made.key() + "\n");
        shell.out().println("made a key for " + id + ": " + file);
        return ExitCode.OK;
    }

    /** What there was, but for an entry of this id: its key was lost before it was written down. */
    private String keysWith(Path keysFile, KeyEntry made, Secret secret) throws IOException {
        var ours = "- {\"id\":" + ApiClient.json(id) + ",";
        var others = new StringBuilder();
        if (Files.exists(keysFile)) {
            Files.readAllLines(keysFile).stream()
                    .filter(there -> !there.replace(" ", "").startsWith(ours.replace(" ", "")))
                    .forEach(there -> others.append(there).append('\n'));
        }
        var all = others + made.line() + "\n";
        try {
            ApiKeys.parse(all, secret); // the server's own reader
        } catch (IllegalArgumentException e) {
            throw new UsageFailure(keysFile + ": " + e.getMessage());
        }
        return all;
    }

    /** Written beside and moved: nobody reads half of it. Private before it has content. */
    private static void replace(Path file, String content) throws IOException {
        var fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, content);
        Files.move(fresh, file, ATOMIC_MOVE, REPLACE_EXISTING);
    }
}

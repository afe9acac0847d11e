package io.taskpilot.config;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;

/** The documentation of every key, made by the loader itself. */
public final class SettingsTable {
    private static final String HEAD = """
            <!-- Generated: ./taskpilot config table > docs/settings.md -->
            # Settings

            A setting comes from, the first that has it: a flag (`--set http.port=9000`), the environment, the file
            `taskpilot.yaml` (or `--config FILE`), its default. `taskpilot config print` shows each value in effect and where
            it is from, secrets as `***`. Mistakes of the settings are reported at start all at once; a key that nothing reads is one.
            What shows only when a part is made (the URL of a webhook that may not be, a file that is wrong) comes after them,
            one part at a time. The exit code is 2 each time.

            - The file is found in the configuration directory: `--conf-dir`, else `TASKPILOT_CONF_DIR`, else `./conf` if it has a
              `taskpilot.yaml`, else `conf` beside the launcher, else `../conf` beside the jar.
            - The variable of a key is `TASKPILOT_` and its path in upper snake case: `policy.onError` is
              `TASKPILOT_POLICY_ON_ERROR`. An empty variable counts as unset. A variable with this prefix that is no setting is a
              mistake, except `TASKPILOT_HOME`, `TASKPILOT_SERVER`, `TASKPILOT_API_KEY`, `TASKPILOT_API_KEY_FILE` (the command
              line's) and `TASKPILOT_REQUIRE_TOOLS` (the tests').
            - Entries under `tools.webhooks` are made in the file; a variable or flag can then set a key of one, as
              `TASKPILOT_TOOLS_WEBHOOKS_PAGER_SECRET` for the entry `pager`.
            - A secret is given by value or by a file that holds it: the key with `File` at its end, the variable with `_FILE`.
            - Durations are written `250ms`, `30s`, `5m`, `1h`, `7d` or as ISO-8601. Relative paths start from the working
              directory, and from the file's own directory in the file.

            | key | expected | default | what it does |
            |---|---|---|---|
            """;

    private static final String ALIASES = """

            ## Other names

            | variable | sets |
            |---|---|
            """;

    private SettingsTable() {}

    /** The whole of {@code docs/settings.md}. */
    public static String markdown() {
        var out = new StringBuilder(HEAD);
        var abouts = abouts();
        for (var setting : ConfigLoader.settings()) {
            var about = abouts.getProperty(setting.path());
            if (about == null) {
                throw new IllegalStateException("nothing says what %s does".formatted(setting.path()));
            }
            var fallback = setting.fallback().isEmpty() ? "" : "`" + setting.fallback() + "`";
            out.append("| `%s` | %s | %s | %s |\n".formatted(setting.path(), setting.type(), fallback, about));
        }
        out.append(ALIASES);
        for (var alias : new TreeMap<>(Settings.ALIASES).entrySet()) {
            out.append("| `%s` | `%s` |\n".formatted(alias.getValue(), alias.getKey()));
        }
        return out.toString();
    }

    private static Properties abouts() {
        var abouts = new Properties();
        try (var in = SettingsTable.class.getResourceAsStream("settings.properties")) {
            abouts.load(Objects.requireNonNull(in, "settings.properties"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return abouts;
    }
}

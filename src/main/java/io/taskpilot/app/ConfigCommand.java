package io.taskpilot.app;

import io.taskpilot.config.Setting;
import io.taskpilot.config.SettingsTable;
import java.util.LinkedHashMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "config", description = "The configuration.", synopsisSubcommandLabel = "COMMAND")
final class ConfigCommand {

    @Command(name = "print", description = "Shows each key in effect and where its value is from; secrets as ***.")
    static final class Print implements Callable<Integer> {
        private final Shell shell;

        @Mixin
        private ConfigOptions config = new ConfigOptions();

        @Option(names = "--json", description = "JSON, for scripts.")
        private boolean json;

        Print(Shell shell) {
            this.shell = shell;
        }

        @Override
        public Integer call() {
            var settings = config.load(shell).settings();
            if (json) {
                var all = new LinkedHashMap<String, Object>();
                settings.forEach(setting -> all.put(setting.path(), new Shown(setting.value(), setting.origin())));
                shell.out().println(ApiClient.json(all));
                return ExitCode.OK;
            }
            var table = new Table("key", "value", "from");
            for (var setting : settings) {
                table.row(setting.path(), shown(setting), setting.origin());
            }
            table.lines(Terminal.PLAIN).forEach(shell.out()::println);
            return ExitCode.OK;
        }

        private static String shown(Setting setting) {
            return setting.value().isEmpty() ? "-" : setting.value();
        }

        private record Shown(String value, String from) {}
    }

    @Command(name = "table", description = "Prints the page that documents every key.", hidden = true)
    static final class Describe implements Callable<Integer> {
        private final Shell shell;

        Describe(Shell shell) {
            this.shell = shell;
        }

        @Override
        public Integer call() {
            shell.out().print(SettingsTable.markdown());
            return ExitCode.OK;
        }
    }
}

package io.taskpilot.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Properties;
import org.junit.jupiter.api.Test;

class SettingsTableTest {

    @Test
    void thePageOfSettingsIsFresh() throws IOException {
        assertThat(Files.readString(Path.of("docs/settings.md")))
                .describedAs("run: ./taskpilot config table > docs/settings.md")
                .isEqualTo(SettingsTable.markdown());
    }

    @Test
    void nothingIsDescribedThatIsNoSetting() throws IOException {
        var abouts = new Properties();
        try (var in = SettingsTable.class.getResourceAsStream("settings.properties")) {
            abouts.load(Objects.requireNonNull(in));
        }

        var paths = ConfigLoader.settings().stream().map(Setting::path).toList();
        assertThat(abouts.stringPropertyNames()).containsExactlyInAnyOrderElementsOf(paths);
    }
}

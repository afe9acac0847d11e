package io.taskpilot.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Properties;

/**
 * What was built.
 *
 * @param revision the commit, or {@code unknown}
 */
public record Version(String number, String revision) {

    public static Version read() {
        var properties = new Properties();
        try (var in = Version.class.getResourceAsStream("/taskpilot-version.properties")) {
            properties.load(Objects.requireNonNull(in, "taskpilot-version.properties"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Version(properties.getProperty("version", "unknown"), properties.getProperty("revision", "unknown"));
    }

    @Override
    public String toString() {
        var brief = revision.length() > 12 ? revision.substring(0, 12) : revision;
        return number + " (" + brief + ")";
    }
}

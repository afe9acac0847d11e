package io.taskpilot.config;

import java.util.Locale;

/**
 * One key as it was read.
 *
 * @param path as in {@code policy.onError}
 * @param type what may be written, in words
 * @param fallback the default as it would be written; empty when there is none
 * @param value in effect, as it would be written; {@code ***} for a secret, empty when unset
 * @param origin where the value comes from: a flag, a variable, the file, or {@code default}
 */
public record Setting(String path, String type, String fallback, String value, String origin) {
    static final String PREFIX = "TASKPILOT_";

    /** The variable that sets it, as in {@code TASKPILOT_POLICY_ON_ERROR}. */
    public String variable() {
        return variable(path);
    }

    static String variable(String path) {
        var snake =
                path.replaceAll("([a-z0-9])([A-Z])", "$1_$2").replace('.', '_').replace('-', '_');
        return PREFIX + snake.toUpperCase(Locale.ROOT);
    }
}

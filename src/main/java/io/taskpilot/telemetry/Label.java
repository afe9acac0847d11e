package io.taskpilot.telemetry;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A label's values, bounded, so that no input can make series without end: a value that is not listed, or comes after
 * the bound is reached, counts as {@code other}. Thread-safe.
 */
final class Label {
    private static final String OTHER = "other";
    private static final int LONGEST = 100;

    private final Set<String> values;
    private final int bound;

    private Label(Set<String> values, int bound) {
        this.values = values;
        this.bound = bound;
    }

    static Label of(String... words) {
        return new Label(Set.of(words), words.length);
    }

    /** The first {@code bound} values that come, such as names from the configuration. */
    static Label upTo(int bound) {
        return new Label(ConcurrentHashMap.newKeySet(), bound);
    }

    String value(String word) {
        if (values.contains(word)) {
            return word;
        }
        if (values.size() >= bound || word.length() > LONGEST) {
            return OTHER;
        }
        values.add(word);
        return word;
    }
}

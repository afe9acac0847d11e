package io.taskpilot.telemetry;

import java.util.List;

/**
 * A label and what it may say. Every label is bounded: a value that was not foreseen counts as {@link #OTHER}.
 *
 * @param name as Prometheus has it
 * @param source where its values come from
 * @param values what is known of them here
 * @param most how many there may be, {@link #OTHER} not counted
 */
record Label(String name, Source source, List<String> values, int most) {
    static final String OTHER = "other";

    /** Where values come from. */
    enum Source {
        /** They are listed here. */
        CLOSED,
        /** The configuration names them at start; no request can add one. */
        CONFIGURED,
        /** They are learned as they come, up to the bound. For what only an operator's own servers say. */
        LEARNED
    }

    static Label closed(String name, String... values) {
        return new Label(name, Source.CLOSED, List.of(values), values.length);
    }

    static Label configured(String name, int most) {
        return new Label(name, Source.CONFIGURED, List.of(), most);
    }

    static Label learned(String name, int most) {
        return new Label(name, Source.LEARNED, List.of(), most);
    }
}

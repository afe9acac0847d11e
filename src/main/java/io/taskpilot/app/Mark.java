package io.taskpilot.app;

import io.taskpilot.app.Terminal.Look;

/** What a verdict looks like at a glance. */
enum Mark {
    YES("\u2713", "+", Look.GREEN),
    NO("\u2717", "x", Look.RED),
    WAIT("\u25c6", "?", Look.YELLOW),
    ERROR("!", "!", Look.RED),
    CHANGED("~", "~", Look.YELLOW),
    DOES("\u2192", ">", Look.CYAN),
    NOTE("\u00b7", "-", Look.DIM);

    private final String sign;
    private final String ascii;
    private final Look look;

    Mark(String sign, String ascii, Look look) {
        this.sign = sign;
        this.ascii = ascii;
        this.look = look;
    }

    /** The mark and its word; a pipe shows the same without colour. */
    String paint(Terminal terminal, String word) {
        return terminal.paint(look, (terminal.unicode() ? sign : ascii) + " " + word);
    }

    /** Of the status that a run ended with, or waits in. */
    static Mark of(String status) {
        return switch (status) {
            case "succeeded" -> YES;
            case "rejected", "blocked" -> NO;
            case "failed", "timed_out", "cancelled" -> ERROR;
            default -> WAIT;
        };
    }
}

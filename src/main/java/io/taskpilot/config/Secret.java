package io.taskpilot.config;

/** A value that is printed nowhere. */
public record Secret(String value) {
    @Override
    public String toString() {
        return "(secret)";
    }
}

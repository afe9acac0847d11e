package io.taskpilot.telemetry;

import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * What a metric is.
 *
 * @param name as Prometheus has it
 * @param labels in the order in which values are given
 * @param bounds of a histogram's buckets, without infinity
 * @param condition what must be so for its series to be there; empty for those that are there from the start
 */
record Definition(String name, Kind kind, String help, List<Label> labels, List<Double> bounds, String condition) {

    /** How it is counted. */
    enum Kind {
        COUNTER("counter"),
        GAUGE("gauge"),
        /** Always 1; its labels are what it says. */
        INFO("gauge"),
        /** Of durations in seconds. */
        TIMER("histogram"),
        /** Of other quantities. */
        SUMMARY("histogram");

        private final String type;

        Kind(String type) {
            this.type = type;
        }

        /** As Prometheus calls it. */
        String type() {
            return type;
        }
    }

    static Definition counter(String name, String help) {
        return new Definition(name, Kind.COUNTER, help, List.of(), List.of(), "");
    }

    static Definition gauge(String name, String help) {
        return new Definition(name, Kind.GAUGE, help, List.of(), List.of(), "");
    }

    static Definition info(String name, String help) {
        return new Definition(name, Kind.INFO, help, List.of(), List.of(), "");
    }

    static Definition timer(String name, String help, double... bounds) {
        return new Definition(name, Kind.TIMER, help, List.of(), boxed(bounds), "");
    }

    static Definition summary(String name, String help, double... bounds) {
        return new Definition(name, Kind.SUMMARY, help, List.of(), boxed(bounds), "");
    }

    Definition by(Label... more) {
        return new Definition(name, kind, help, List.of(more), bounds, condition);
    }

    /** @param why it is not there from the start */
    Definition when(String why) {
        return new Definition(name, kind, help, labels, bounds, why);
    }

    /** The name of which Micrometer makes {@link #name}: it adds {@code _total} and {@code _seconds} itself. */
    String meter() {
        var base = switch (kind) {
            case COUNTER -> name.substring(0, name.length() - "_total".length());
            case TIMER -> name.substring(0, name.length() - "_seconds".length());
            default -> name;
        };
        return base.replace('_', '.');
    }

    /**
     * Every combination of label values is known here, and they are few: they are shown as 0 until they are counted. What
     * appears with its first event has no increase then, so that no rule would see the first outage.
     */
    boolean startsAtZero() {
        return (kind == Kind.COUNTER || kind == Kind.TIMER)
                && labels.stream().allMatch(label -> label.source() == Label.Source.CLOSED)
                && labels.stream().mapToInt(Label::most).reduce(1, (one, two) -> one * two) <= 12;
    }

    private static List<Double> boxed(double... bounds) {
        return DoubleStream.of(bounds).boxed().toList();
    }

    /** {@code count} bounds from {@code first}, each {@code factor} times the one before. */
    static double[] powers(double first, double factor, int count) {
        var bounds = new double[count];
        Arrays.setAll(bounds, i -> Math.round(first * Math.pow(factor, i) * 100) / 100.0);
        return bounds;
    }
}

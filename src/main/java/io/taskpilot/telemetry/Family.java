package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The meters of one metric, one for each combination of label values. Once a combination was seen, finding its meter
 * costs a look into a map and no tags. Thread-safe.
 */
final class Family<M> {
    private final Definition definition;
    private final List<BoundedLabel> labels;
    private final Function<Tags, M> maker;
    private final Map<List<String>, M> valuesToMeter = new ConcurrentHashMap<>();

    /** @param labels of the definition, in its order */
    Family(Definition definition, List<BoundedLabel> labels, Function<Tags, M> maker) {
        this.definition = definition;
        this.labels = labels;
        this.maker = maker;
        if (definition.startsAtZero() || labels.isEmpty()) {
            makeAll(List.of());
        }
    }

    private void makeAll(List<String> values) {
        if (values.size() == labels.size()) {
            find(values);
            return;
        }
        for (var value : definition.labels().get(values.size()).values()) {
            var more = new ArrayList<>(values);
            more.add(value);
            makeAll(List.copyOf(more));
        }
    }

    M of() {
        return find(List.of());
    }

    M of(String one) {
        return find(List.of(value(0, one)));
    }

    M of(String one, String two) {
        return find(List.of(value(0, one), value(1, two)));
    }

    M of(String one, String two, String three) {
        return find(List.of(value(0, one), value(1, two), value(2, three)));
    }

    M of(String one, String two, String three, String four, String five) {
        return find(List.of(value(0, one), value(1, two), value(2, three), value(3, four), value(4, five)));
    }

    private String value(int label, String word) {
        return labels.get(label).value(word);
    }

    private M find(List<String> values) {
        var meter = valuesToMeter.get(values);
        return meter == null ? valuesToMeter.computeIfAbsent(values, this::make) : meter;
    }

    private M make(List<String> values) {
        var tags = Tags.empty();
        for (var i = 0; i < values.size(); i++) {
            tags = tags.and(definition.labels().get(i).name(), values.get(i));
        }
        return maker.apply(tags);
    }
}

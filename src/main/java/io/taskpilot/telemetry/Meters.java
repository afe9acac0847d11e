package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.Supplier;

/** Makes of definitions what is recorded with, in one registry. Thread-safe. */
final class Meters {
    private final MeterRegistry registry;
    private final Map<Label, BoundedLabel> labelToValues = new ConcurrentHashMap<>();
    /** The registry refers weakly to what it reads counts from. */
    private final List<Object> counts = new CopyOnWriteArrayList<>();

    Meters(MeterRegistry registry) {
        this.registry = registry;
    }

    /** Lets a configured label take the values that the configuration names. */
    void allow(Label label, Collection<String> values) {
        bounded(label).allow(values);
    }

    Family<Counter> counter(Metric metric) {
        var definition = metric.definition();
        return family(
                definition,
                tags -> Counter.builder(definition.meter())
                        .description(definition.help())
                        .tags(tags)
                        .register(registry));
    }

    Family<Timer> timer(Metric metric) {
        var definition = metric.definition();
        var bounds = definition.bounds().stream()
                .map(seconds -> Duration.ofNanos(Math.round(seconds * 1e9)))
                .toArray(Duration[]::new);
        return family(
                definition,
                tags -> Timer.builder(definition.meter())
                        .description(definition.help())
                        .serviceLevelObjectives(bounds)
                        .tags(tags)
                        .register(registry));
    }

    Family<DistributionSummary> summary(Metric metric) {
        var definition = metric.definition();
        var bounds = definition.bounds().stream().mapToDouble(bound -> bound).toArray();
        return family(
                definition,
                tags -> DistributionSummary.builder(definition.meter())
                        .description(definition.help())
                        .serviceLevelObjectives(bounds)
                        .tags(tags)
                        .register(registry));
    }

    /** @param value read at every scrape; of two that are given for the same labels the first stays */
    void gauge(Metric metric, Supplier<Number> value, String... labels) {
        var definition = metric.definition();
        Gauge.builder(definition.meter(), value)
                .description(definition.help())
                .tags(tags(definition, labels))
                .register(registry);
    }

    /** @param count of what was counted elsewhere, since the start; read at every scrape */
    void counted(Metric metric, Supplier<Number> count, String... labels) {
        counts.add(count);
        var definition = metric.definition();
        FunctionCounter.builder(definition.meter(), count, is -> is.get().doubleValue())
                .description(definition.help())
                .tags(tags(definition, labels))
                .register(registry);
    }

    private Tags tags(Definition definition, String... labels) {
        var names = definition.labels();
        var tags = Tags.empty();
        for (var i = 0; i < names.size(); i++) {
            tags = tags.and(names.get(i).name(), bounded(names.get(i)).value(labels[i]));
        }
        return tags;
    }

    private <M> Family<M> family(Definition definition, Function<Tags, M> maker) {
        return new Family<>(
                definition, definition.labels().stream().map(this::bounded).toList(), maker);
    }

    private BoundedLabel bounded(Label label) {
        return labelToValues.computeIfAbsent(label, BoundedLabel::new);
    }
}

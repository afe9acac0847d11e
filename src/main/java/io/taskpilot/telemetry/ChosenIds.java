package io.taskpilot.telemetry;

import io.opentelemetry.sdk.trace.IdGenerator;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Random ids, but for spans whose id was chosen: several processes can know that one without telling each other. Safe to
 * call from any thread.
 */
final class ChosenIds implements IdGenerator {
    private final IdGenerator random = IdGenerator.random();
    private final ThreadLocal<@Nullable String> chosen = new ThreadLocal<>();

    /** @param begin begins one span, on this thread */
    <T> T choose(String spanId, Supplier<T> begin) {
        chosen.set(spanId);
        try {
            return begin.get();
        } finally {
            chosen.remove();
        }
    }

    @Override
    public String generateSpanId() {
        var id = chosen.get();
        return id == null ? random.generateSpanId() : id;
    }

    @Override
    public String generateTraceId() {
        return random.generateTraceId();
    }
}

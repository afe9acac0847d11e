package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What model calls take, use and cost. Thread-safe. */
public final class ModelMetrics {
    private final GenAiMetrics genAi;
    private final Family<Timer> requests;
    private final Family<Timer> firstTokens;
    private final Family<Counter> tokens;
    private final Family<Counter> cost;
    private final Family<Counter> retries;

    /** Which model was asked: the provider, and its name there. */
    public record Asked(String provider, String model) {}

    /**
     * What an answer used.
     *
     * @param input tokens, with what the provider had in its cache
     * @param output tokens, with those of reasoning
     * @param servedBy the model that answered, as the provider calls it; null if it did not say
     */
    public record Used(
            long input,
            long output,
            long cacheRead,
            long reasoning,
            double usd,
            @Nullable String servedBy) {}

    ModelMetrics(Meters meters, GenAiMetrics genAi) {
        this.genAi = genAi;
        requests = meters.timer(Metric.LLM_DURATION);
        firstTokens = meters.timer(Metric.LLM_FIRST_TOKEN);
        tokens = meters.counter(Metric.LLM_TOKENS);
        cost = meters.counter(Metric.LLM_COST);
        retries = meters.counter(Metric.LLM_RETRIES);
    }

    public void answered(Asked asked, Used used, Duration took) {
        requests.of(asked.provider(), asked.model(), "success").record(took);
        spent(asked, used);
        genAi.answered(asked, used, took);
    }

    /** Adds what an answer used that is of no use: it was cut, filtered, or broken off, and is billed all the same. */
    public void spent(Asked asked, Used used) {
        var provider = asked.provider();
        var model = asked.model();
        tokens.of(provider, model, "input").increment((double) used.input());
        tokens.of(provider, model, "output").increment((double) used.output());
        tokens.of(provider, model, "cache_read").increment((double) used.cacheRead());
        tokens.of(provider, model, "reasoning").increment((double) used.reasoning());
        cost.of(provider, model).increment(used.usd());
    }

    /**
     * @param outcome rate_limited, timeout or error
     * @param slug of the failure
     */
    public void failed(Asked asked, String outcome, String slug, Duration took) {
        requests.of(asked.provider(), asked.model(), outcome).record(took);
        genAi.failed(asked, slug, took);
    }

    /** The first piece of an answer came. */
    public void firstToken(String provider, String model, Duration took) {
        firstTokens.of(provider, model).record(took);
        genAi.firstChunk(provider, model, took);
    }

    /**
     * A try failed, and another follows.
     *
     * @param reason rate_limited, unreachable or error
     */
    public void retried(String provider, String model, String reason) {
        retries.of(provider, model, reason).increment();
    }
}

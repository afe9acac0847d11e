package io.taskpilot.llm;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Usage;
import io.taskpilot.telemetry.ModelMetrics;
import io.taskpilot.telemetry.ModelMetrics.Asked;
import io.taskpilot.telemetry.ModelMetrics.Used;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.function.Consumer;

/** Counts what a model is asked, and what becomes of it. Usable from any context. */
public final class MeteredModel implements ChatModel {
    private final ChatModel model;
    private final String provider;
    private final ModelMetrics metrics;

    /** @param provider counts for calls without an answer, which would name it */
    public MeteredModel(ChatModel model, String provider, ModelMetrics metrics) {
        this.model = model;
        this.provider = provider;
        this.metrics = metrics;
    }

    @Override
    public Future<Answer> chat(Request request, CallContext call, Consumer<String> text) {
        var began = System.nanoTime();
        return model.chat(request, call, new FirstPiece(request, began, text))
                .onSuccess(answer -> answered(metrics, request, answer, began))
                .onFailure(cause -> failed(request, Failure.from(cause).slug(), began));
    }

    static void answered(ModelMetrics metrics, Request request, Answer answer, long began) {
        var used = used(answer.usage(), answer.details());
        metrics.answered(new Asked(answer.provider(), request.model()), used, since(began));
    }

    static Used used(Usage usage, Details details) {
        return new Used(
                usage.inputTokens(),
                usage.outputTokens(),
                details.cacheReadTokens(),
                details.reasoningTokens(),
                usage.costUsd(),
                details.servedBy());
    }

    private void failed(Request request, String slug, long began) {
        if (!ModelFailures.isOurs(slug)) {
            metrics.failed(new Asked(provider, request.model()), outcome(slug), slug, since(began));
        }
    }

    private static String outcome(String slug) {
        return switch (slug) {
            case "provider-rate-limited" -> "rate_limited";
            case "provider-timeout" -> "timeout";
            default -> "error";
        };
    }

    private static Duration since(long began) {
        return Duration.ofNanos(System.nanoTime() - began);
    }

    /** Belongs to the caller's context. */
    private final class FirstPiece implements Consumer<String> {
        private final Request request;
        private final long began;
        private final Consumer<String> text;
        private boolean came;

        FirstPiece(Request request, long began, Consumer<String> text) {
            this.request = request;
            this.began = began;
            this.text = text;
        }

        @Override
        public void accept(String piece) {
            if (!came && !piece.isEmpty()) {
                came = true;
                metrics.firstToken(provider, request.model(), since(began));
            }
            text.accept(piece);
        }
    }
}

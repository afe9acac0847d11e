package io.taskpilot.llm;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Limiter;
import io.taskpilot.resilience.Retry;
import io.taskpilot.telemetry.ModelMetrics;
import io.taskpilot.telemetry.ModelMetrics.Asked;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientAgent;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Any server that speaks OpenAI's chat completions, streaming or not. Call it from a Vert.x context; safe to share
 * between them.
 *
 * <p>A call is tried again on a failed connection, 408, 409, 429 and 5xx, as long as no byte of an answer has come and
 * the deadline leaves room for the wait; a provider that asks for a longer wait than that is believed at once. Beyond
 * the slugs of {@link ChatModel}, a call fails with {@code provider-truncated} (the answer did not fit maxTokens),
 * {@code provider-aborted}, {@code provider-not-started} (no lease when the connection was there), or {@code
 * overload-llm} (too many calls wait for a connection).
 */
public final class OpenAiModel implements ChatModel {
    public static final URI DEFAULT_BASE_URL = URI.create("https://api.openai.com/v1");

    private static final Logger log = LoggerFactory.getLogger(OpenAiModel.class);
    private static final Retry RETRY = new Retry(4, Duration.ofMillis(500), Duration.ofSeconds(8));
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final int WAITING_PER_CONNECTION = 32;
    private static final int KEEP_ALIVE_S = 30;

    private final Vertx vertx;
    private final String provider;
    private final String url;
    private final URI server;
    private final @Nullable Secret apiKey;
    private final boolean streaming;
    private final ModelCatalog catalog;
    private final ModelMetrics metrics;
    private final Retry retry;
    private final int connections;
    private final Limiter limiter;
    private final HttpClientAgent client;

    /**
     * Where the server is and how it is spoken to.
     *
     * @param provider its name in prices, metrics and journals
     * @param baseUrl up to and with {@code /v1}
     * @param apiKey null for servers that ask for none
     * @param concurrency calls at a time; some more wait for their turn, the rest is refused
     * @param streaming asks for server-sent events; a server that answers with one document all the same is understood
     */
    public record Settings(
            String provider, URI baseUrl, @Nullable Secret apiKey, int concurrency, boolean streaming) {
        /** The same server, one call at a time. */
        public Settings alone() {
            return new Settings(provider, baseUrl, apiKey, 1, streaming);
        }
    }

    public OpenAiModel(Vertx vertx, Settings settings, ModelCatalog catalog, ModelMetrics metrics) {
        this(vertx, settings, catalog, metrics, RETRY);
    }

    OpenAiModel(Vertx vertx, Settings settings, ModelCatalog catalog, ModelMetrics metrics, Retry retry) {
        this.vertx = vertx;
        this.provider = settings.provider();
        this.server = settings.baseUrl();
        this.url = settings.baseUrl().toString().replaceFirst("/+$", "") + "/chat/completions";
        this.apiKey = settings.apiKey();
        this.streaming = settings.streaming();
        this.catalog = catalog;
        this.metrics = metrics;
        this.retry = retry;
        this.connections = settings.concurrency();
        var waiting = settings.concurrency() * WAITING_PER_CONNECTION;
        this.limiter = new Limiter("llm", settings.concurrency() + waiting);
        this.client = vertx.httpClientBuilder()
                .with(new HttpClientOptions()
                        .setMetricsName("llm")
                        .setKeepAliveTimeout(KEEP_ALIVE_S)
                        .setConnectTimeout((int) CONNECT.toMillis())
                        .setSslHandshakeTimeout(CONNECT.toSeconds()))
                .with(new PoolOptions()
                        .setHttp1MaxSize(settings.concurrency())
                        .setMaxWaitQueueSize(waiting + settings.concurrency()))
                .build();
    }

    @Override
    public Future<Answer> chat(Request request, CallContext call, Consumer<String> text) {
        var body = ChatWire.encode(request, catalog.model(provider, request.model()), streaming);
        var plan = ChatSpans.plan(provider, request.model(), request).at(server.getHost(), server.getPort());
        return ChatSpans.around(
                plan,
                request,
                call,
                here -> limiter.run(() -> attempt(1, request, body, here, text))
                        .onFailure(cause -> failed(cause, request, here)));
    }

    /** The detail is in words of ours, with the status and at most the machine words of the provider's. */
    private void failed(Throwable cause, Request request, CallContext call) {
        // What we broke off is no failure of the call, and a bug of ours is logged where the run ends.
        if (cause instanceof Failure failure && !ModelFailures.isOurs(failure.slug())) {
            log.warn(
                    "model call failed, giving up request={} provider={} model={} slug={} detail={}",
                    call.requestId(),
                    provider,
                    request.model(),
                    failure.slug(),
                    failure.detail());
        }
    }

    private Future<Answer> attempt(int number, Request request, Buffer body, CallContext call, Consumer<String> text) {
        var answer = new AnswerBuilder(provider, request, catalog, text);
        var queued = limiter.inFlight() > connections;
        return new Exchange(vertx, call, answer, new ProviderError(apiKey, request.model()), queued)
                .run(() -> client.request(options(call)), body)
                .onFailure(cause -> wasted(request, answer))
                .recover(cause -> cause instanceof TryFailed failed
                        ? again(number, failed, request, body, call, text)
                        : Future.failedFuture(cause));
    }

    /** Counts what came of an answer that can't be used. */
    private void wasted(Request request, AnswerBuilder answer) {
        var usage = answer.spent();
        if (usage != null) {
            metrics.spent(new Asked(provider, request.model()), MeteredModel.used(usage, answer.details()));
        }
    }

    private Future<Answer> again(
            int number, TryFailed failed, Request request, Buffer body, CallContext call, Consumer<String> text) {
        var wait = failed.atLeast().plus(retry.pause(number, ThreadLocalRandom.current()));
        if (number >= retry.attempts() || wait.compareTo(call.deadline().remaining()) >= 0) {
            return Future.failedFuture(failed.failure());
        }
        log.warn(
                "model call failed, trying again request={} provider={} slug={} try={} wait_ms={}",
                call.requestId(),
                provider,
                failed.failure().slug(),
                number,
                wait.toMillis());
        metrics.retried(provider, request.model(), reason(failed.failure().slug()));
        return Pause.of(vertx, wait, call).compose(unused -> attempt(number + 1, request, body, call, text));
    }

    private static String reason(String slug) {
        return switch (slug) {
            case "provider-rate-limited" -> "rate_limited";
            case "provider-unreachable" -> "unreachable";
            default -> "error";
        };
    }

    private RequestOptions options(CallContext call) {
        var options = new RequestOptions()
                .setMethod(HttpMethod.POST)
                .setAbsoluteURI(url)
                .setConnectTimeout(call.deadline().remainingMillis()) // with the wait for a free connection
                .putHeader(HttpHeaders.CONTENT_TYPE, "application/json")
                .putHeader(HttpHeaders.ACCEPT, streaming ? "text/event-stream" : "application/json")
                .putHeader("X-Request-Id", call.requestId());
        call.trace().send((name, value) -> options.putHeader(name, value));
        return apiKey == null ? options : options.putHeader(HttpHeaders.AUTHORIZATION, "Bearer " + apiKey.value());
    }

    /** Closes the connections; calls under way fail. */
    public Future<Void> close() {
        return client.close();
    }
}

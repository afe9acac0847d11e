package io.taskpilot.llm;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.ConnectionPoolTooBusyException;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpHeaders;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One try: one request on one connection, and its answer. All of it happens on the caller's context. Whatever ends it
 * early (deadline, abort, a broken answer) resets the request, which closes the socket under it.
 */
final class Exchange {
    private static final Logger log = LoggerFactory.getLogger(Exchange.class);
    private static final int MAX_ANSWER_BYTES = 8 << 20;
    private static final int MAX_EVENT_BYTES = 1 << 20;
    private static final int MAX_ERROR_BYTES = 64 << 10;
    private static final long LINGER_MS = 1_000;

    private final Vertx vertx;
    private final CallContext call;
    private final AnswerBuilder answer;
    private final ProviderError errors;
    private final boolean queued;
    private final Promise<Answer> result = Promise.promise();

    private @Nullable HttpClientRequest request;
    private long sentAt;
    private boolean settled;
    private boolean ended;
    private int received;

    /** @param queued whether a connection may have to be waited for; that wait is no fault of the provider's */
    Exchange(Vertx vertx, CallContext call, AnswerBuilder answer, ProviderError errors, boolean queued) {
        this.vertx = vertx;
        this.call = call;
        this.answer = answer;
        this.errors = errors;
        this.queued = queued;
    }

    /**
     * @param connection from the pool, not yet asked for
     * @return fails with {@link TryFailed} while no byte of an answer has come, else with a {@link Failure}
     */
    Future<Answer> run(Supplier<Future<HttpClientRequest>> connection, Buffer body) {
        var timer = vertx.setTimer(call.deadline().remainingMillis(), id -> fail(outOfTime()));
        call.onAbort(() -> fail(ModelFailures.aborted()));
        if (!settled) {
            connection.get().onSuccess(ready -> send(ready, body)).onFailure(cause -> fail(notConnected(cause)));
        }
        return result.future().andThen((value, error) -> vertx.cancelTimer(timer));
    }

    private Failure outOfTime() {
        if (!queued) {
            return ModelFailures.timeout();
        }
        var had = request == null ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - sentAt);
        return ModelFailures.timeoutInQueue(had);
    }

    private RuntimeException notConnected(Throwable cause) {
        if (cause instanceof ConnectionPoolTooBusyException) {
            return ModelFailures.overloaded();
        }
        // The pool's own timer, set for the deadline; a connection that can't be made fails in other words.
        return cause instanceof TimeoutException ? outOfTime() : unreachable("the provider can't be reached", cause);
    }

    private void send(HttpClientRequest ready, Buffer body) {
        request = ready;
        sentAt = System.nanoTime();
        // Told to the future below as well; without a handler Vert.x logs our own resets as errors.
        ready.exceptionHandler(cause -> log.debug("model request ended request={}", call.requestId(), cause));
        if (settled) {
            ready.reset();
        } else if (!call.mayStart()) { // nothing may come between this and the write
            fail(ModelFailures.notStarted());
        } else {
            ready.send(body)
                    .onSuccess(this::read)
                    .onFailure(cause -> fail(unreachable("the provider closed the connection", cause)));
        }
    }

    private static TryFailed unreachable(String detail, Throwable cause) {
        var failure = Failure.of(Failure.Kind.UPSTREAM, "provider-unreachable", detail, cause);
        return new TryFailed(failure, Duration.ZERO);
    }

    private void read(HttpClientResponse response) {
        var body = Buffer.buffer();
        response.exceptionHandler(cause -> fail(
                response.statusCode() == 200
                        ? ModelFailures.cutStream()
                        : errors.failure(response.statusCode(), response.headers(), body, Instant.now())));
        if (response.statusCode() != 200) {
            readError(response, body);
            return;
        }
        var type = String.valueOf(response.getHeader(HttpHeaders.CONTENT_TYPE)).toLowerCase(Locale.ROOT);
        if (type.startsWith("text/event-stream")) {
            var parser = new SseParser(MAX_EVENT_BYTES, event -> answer.event(event.data()));
            on(response, chunk -> readEvents(parser, chunk), () -> succeed(answer.complete()));
        } else if (type.startsWith("application/json")) {
            on(response, body::appendBuffer, () -> {
                answer.document(body.getBytes());
                succeed(answer.complete());
            });
        } else {
            fail(ModelFailures.error("the provider's answer is neither JSON nor an event stream"));
        }
    }

    private void readEvents(SseParser parser, Buffer chunk) {
        parser.feed(chunk);
        if (answer.isDone()) {
            succeed(answer.complete());
        }
    }

    private void on(HttpClientResponse response, Consumer<Buffer> chunks, Runnable end) {
        response.handler(chunk -> guarded(() -> {
            received += chunk.length();
            if (received > MAX_ANSWER_BYTES) {
                throw ModelFailures.declined("the provider's answer is over %d bytes".formatted(MAX_ANSWER_BYTES));
            }
            chunks.accept(chunk);
        }));
        response.endHandler(unused -> {
            ended = true;
            guarded(end);
        });
    }

    private void guarded(Runnable step) {
        if (settled) {
            return;
        }
        try {
            step.run();
        } catch (Failure e) {
            fail(e);
        } catch (SseParser.TooLong e) {
            fail(ModelFailures.declined(e.toString()));
        }
    }

    private void readError(HttpClientResponse response, Buffer body) {
        Runnable end = () -> fail(errors.failure(response.statusCode(), response.headers(), body, Instant.now()));
        response.handler(chunk -> {
            if (body.length() < MAX_ERROR_BYTES) {
                body.appendBuffer(chunk);
            } else {
                end.run();
            }
        });
        response.endHandler(unused -> {
            ended = true;
            end.run();
        });
    }

    private void succeed(Answer whole) {
        settled = true;
        result.tryComplete(whole);
        if (!ended) {
            // After [DONE] only the end of the body is due; without it the connection can't be used again.
            vertx.setTimer(LINGER_MS, id -> close());
        }
    }

    private void fail(Throwable cause) {
        if (!settled) {
            settled = true;
            close();
            result.tryFail(cause);
        }
    }

    private void close() {
        if (request != null && !ended) {
            request.reset();
        }
    }
}

package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.Attempt;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import java.net.URI;
import java.security.cert.CertificateException;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One call of a webhook: its attempts, redirects, and how it ends. Lives on the context of the call, where each attempt
 * is put on record.
 *
 * <p>What an attempt proves: a failure before the request was written proves that it had no effect; a complete answer
 * proves what it says; anything in between proves nothing. What was not sent may be tried again, and to an idempotent
 * destination also what was not answered, or with "not now". The pauses grow and are jittered, are at least what the
 * receiver asks for, and none of them reaches beyond the deadline.
 */
final class Delivery {
    /** A complete answer that says "not now", of a destination that may be asked again. */
    private static final class Busy extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final long retryAfterMillis;

        Busy(Answer answer) {
            super("status " + answer.status(), null, false, false);
            retryAfterMillis = answer.retryAfter().toMillis();
        }
    }

    /** The receiver, or a proxy before it, is overloaded or not there. */
    private static final Set<Integer> NOT_NOW = Set.of(429, 502, 503, 504);

    private static final int MAX_REDIRECTS = 3;
    private static final long MAX_CONNECT_MILLIS = 5_000;
    private static final long FIRST_PAUSE_MILLIS = 200;
    private static final long MAX_PAUSE_MILLIS = 5_000;
    private static final Logger log = LoggerFactory.getLogger(Delivery.class);

    private final Network network;
    private final Destination destination;
    private final String key;
    private final Buffer body;
    private final CallContext call;
    private final Deadline deadline;
    private final Promise<Outcome> end = Promise.promise();
    private @Nullable HttpClientRequest open;
    private @Nullable OpenAttempt current;
    private int unanswered;

    Delivery(Network network, Destination destination, String key, Buffer body, CallContext call) {
        this.network = network;
        this.destination = destination;
        this.key = key;
        this.body = body;
        this.call = call;
        deadline = call.deadline().within(destination.timeout());
    }

    Future<Outcome> run() {
        call.onAbort(this::breakOff);
        attempt(1).onSuccess(end::tryComplete).onFailure(end::tryFail);
        return end.future();
    }

    private Future<Outcome> attempt(int number) {
        if (call.isAborted()) {
            return Future.failedFuture("broken off"); // what came of the call has been said already
        }
        var attempt = new OpenAttempt(call::attempted);
        current = attempt;
        return send(attempt, number, destination.url(), 0)
                .andThen((outcome, cause) -> attempt.end(cause))
                .recover(cause -> tryAgain(number, attempt, cause));
    }

    private Future<Outcome> send(OpenAttempt attempt, int number, URI url, int redirects) {
        return network.permitted(url, destination.allowPrivate(), connectMillis())
                .compose(addresses -> {
                    attempt.lookedUp();
                    return network.connect(url, addresses.get((number - 1) % addresses.size()), connectMillis());
                })
                .compose(request -> exchange(attempt, request))
                .compose(answer -> settle(attempt, number, url, answer, redirects));
    }

    /** The lease is asked in the event-loop turn of the write, with the connection in hand. */
    private Future<Answer> exchange(OpenAttempt attempt, HttpClientRequest request) {
        attempt.connected();
        request.exceptionHandler(cause -> log.debug("webhook request ended key={} cause={}", key, why(cause)));
        if (!call.mayStart() || deadline.hasPassed()) {
            request.reset();
            return Future.failedFuture("the node was not sure to own the run, or out of time");
        }
        sign(request);
        open = request;
        unanswered++;
        attempt.sent();
        return request.send(body)
                .compose(Answer::read)
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS)
                .onSuccess(answer -> {
                    unanswered--;
                    attempt.answered(answer.status());
                })
                .onComplete(done -> request.reset()); // has no effect on an exchange that is complete
    }

    private void sign(HttpClientRequest request) {
        var timestamp = Instant.now().getEpochSecond();
        request.putHeader("Content-Type", "application/json")
                .putHeader("webhook-id", key)
                .putHeader("webhook-timestamp", Long.toString(timestamp))
                .putHeader("webhook-signature", destination.signature().of(key, timestamp, body.getBytes()))
                .putHeader("Idempotency-Key", key)
                .putHeader("X-Request-Id", call.requestId());
        call.trace().send((name, value) -> request.putHeader(name, value));
    }

    private Future<Outcome> settle(OpenAttempt attempt, int number, URI url, Answer answer, int redirects) {
        var status = answer.status();
        if (status >= 200 && status < 300) {
            return Future.succeededFuture(new Outcome.Returned(answer.result(), List.of()));
        }
        if (NOT_NOW.contains(status) && destination.idempotent()) {
            return Future.failedFuture(new Busy(answer));
        }
        if (status != 307 && status != 308) {
            return Future.succeededFuture(refused("status " + status)); // 301, 302, 303 would turn it into a GET
        }
        if (redirects == MAX_REDIRECTS) {
            return Future.succeededFuture(refused("more than %d redirects".formatted(MAX_REDIRECTS)));
        }
        return redirect(attempt, number, url, answer, redirects);
    }

    private Future<Outcome> redirect(OpenAttempt attempt, int number, URI url, Answer answer, int redirects) {
        var next = answer.location(url);
        if (next == null) {
            return Future.succeededFuture(refused("a redirect without a usable location"));
        }
        var mistake = destination.redirectMistake(url, next);
        if (!mistake.isEmpty()) {
            return Future.succeededFuture(refused("a redirect " + mistake));
        }
        attempt.redirected();
        return send(attempt, number, next, redirects + 1);
    }

    private Future<Outcome> tryAgain(int number, OpenAttempt attempt, Throwable cause) {
        log.info(
                "webhook attempt failed request_id={} key={} attempt={} unanswered={} cause={}",
                call.requestId(),
                key,
                number,
                unanswered,
                why(cause));
        var pause = pauseMillis(number) + (cause instanceof Busy busy ? busy.retryAfterMillis : 0);
        var mayRepeat = unanswered == 0 || destination.idempotent();
        var inTime = number < Attempt.MOST && !deadline.hasPassed() && pause < deadline.remainingMillis();
        if (isFinal(cause) || !mayRepeat || !inTime || call.isAborted()) {
            return Future.succeededFuture(given(attempt, cause));
        }
        return network.vertx().timer(pause, TimeUnit.MILLISECONDS).compose(unused -> attempt(number + 1));
    }

    private Outcome given(OpenAttempt attempt, Throwable cause) {
        if (cause instanceof Busy) {
            return refused(why(cause));
        }
        var lack = attempt.lackInWords();
        return unanswered > 0 ? unknown(lack) : refused("could not be delivered: " + lack);
    }

    /** Neither a forbidden address nor a wrong certificate mends itself within a minute. */
    private static boolean isFinal(Throwable failure) {
        for (@Nullable Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof Network.Forbidden || cause instanceof CertificateException) {
                return true;
            }
        }
        return false;
    }

    private void breakOff() {
        if (current != null) {
            current.breakOff();
        }
        end.tryComplete(
                unanswered > 0
                        ? unknown("broken off")
                        : refused("could not be delivered: broken off before anything was sent"));
        if (open != null) {
            open.reset();
        }
    }

    /** An answer to a repeat that is not a success says nothing of the attempt that got none. */
    private Outcome refused(String reason) {
        return unanswered > 0 ? unknown(reason + ", after an attempt without an answer") : new Outcome.Refused(reason);
    }

    private static Outcome unknown(String cause) {
        return new Outcome.Unknown("no complete answer: " + cause);
    }

    private static String why(Throwable cause) {
        var message = cause.getMessage();
        return message == null ? cause.getClass().getSimpleName() : message;
    }

    /** Doubles, of which a random half to the whole. */
    private static long pauseMillis(int failures) {
        var ceiling = Math.min(MAX_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(failures - 1, 10));
        return ceiling / 2 + ThreadLocalRandom.current().nextLong(ceiling / 2);
    }

    private long connectMillis() {
        return Math.min(MAX_CONNECT_MILLIS, deadline.remainingMillis());
    }
}

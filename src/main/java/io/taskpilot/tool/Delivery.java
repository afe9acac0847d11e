package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import java.net.InetAddress;
import java.net.URI;
import java.security.cert.CertificateException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One call of a webhook: its attempts, redirects, and how it ends. Lives on the context of the call.
 *
 * <p>What an attempt proves: a failure before the request was written proves that it had no effect; a complete answer
 * proves what it says; anything in between proves nothing.
 */
final class Delivery {
    /** What all deliveries share. */
    record Network(Vertx vertx, HttpClient client, Function<String, Future<List<InetAddress>>> resolver) {
        private static final int MAX_CONNECTIONS = 256;
        private static final int MAX_WAITING = 1024;
        private static final long HANDSHAKE_SECONDS = 5;

        static Network open(Vertx vertx, BlockingIo blocking) {
            return open(vertx, clientOptions(), host -> blocking.run(() -> List.of(InetAddress.getAllByName(host))));
        }

        static Network open(
                Vertx vertx, HttpClientOptions options, Function<String, Future<List<InetAddress>>> resolver) {
            var pool = new PoolOptions().setHttp1MaxSize(MAX_CONNECTIONS).setMaxWaitQueueSize(MAX_WAITING);
            return new Network(vertx, vertx.createHttpClient(options, pool), resolver);
        }

        /**
         * A connection for each request: one that was kept open could break under the next request, and leave its
         * outcome unknown for nothing. Nothing is followed or unpacked unasked.
         */
        static HttpClientOptions clientOptions() {
            return new HttpClientOptions()
                    .setKeepAlive(false)
                    .setVerifyHost(true)
                    .setSslHandshakeTimeout(HANDSHAKE_SECONDS)
                    .setSslHandshakeTimeoutUnit(TimeUnit.SECONDS);
        }
    }

    /** A reason not to try again. */
    private static final class Forbidden extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Forbidden(String reason) {
            super(reason, null, false, false);
        }
    }

    private static final int MAX_REDIRECTS = 3;
    private static final long MAX_CONNECT_MILLIS = 5_000;
    private static final long FIRST_PAUSE_MILLIS = 200;
    private static final long MAX_PAUSE_MILLIS = 5_000;
    private static final Logger log = LoggerFactory.getLogger(Delivery.class);

    private final Network network;
    private final Destination destination;
    private final Collection<Destination> configured;
    private final String key;
    private final Buffer body;
    private final CallContext call;
    private final Deadline deadline;
    private final Promise<Outcome> end = Promise.promise();
    private @Nullable HttpClientRequest open;
    private int unanswered;

    Delivery(
            Network network,
            Destination destination,
            Collection<Destination> configured,
            String key,
            Buffer body,
            CallContext call) {
        this.network = network;
        this.destination = destination;
        this.configured = configured;
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
        return send(number, destination.url(), destination.allowPrivate(), 0).recover(cause -> tryAgain(number, cause));
    }

    private Future<Outcome> send(int number, URI url, boolean allowPrivate, int redirects) {
        return addresses(url, allowPrivate)
                .map(checked -> checked.get((number - 1) % checked.size()))
                .compose(address -> network.client().request(options(url, address)))
                .compose(this::exchange)
                .compose(answer -> settle(number, url, answer, redirects));
    }

    /** All addresses of the host, of which every one must be permitted: else the name is not to be trusted. */
    private Future<List<InetAddress>> addresses(URI url, boolean allowPrivate) {
        return network.resolver()
                .apply(bareHost(url))
                .timeout(connectMillis(), TimeUnit.MILLISECONDS)
                .map(addresses -> {
                    addresses.forEach(address -> refuseForbidden(url, address, allowPrivate));
                    return addresses;
                });
    }

    private static void refuseForbidden(URI url, InetAddress address, boolean allowPrivate) {
        var kind = AddressGuard.refusal(address, allowPrivate);
        if (kind != null) {
            throw new Forbidden("%s has a forbidden address (%s)".formatted(url.getHost(), kind));
        }
    }

    /** Connects to the very address that was checked; the name remains that of Host, SNI and the certificate. */
    private RequestOptions options(URI url, InetAddress address) {
        var ssl = url.getScheme().equalsIgnoreCase("https");
        var port = url.getPort() >= 0 ? url.getPort() : ssl ? 443 : 80;
        var path = url.getRawPath() == null || url.getRawPath().isEmpty() ? "/" : url.getRawPath();
        return new RequestOptions()
                .setMethod(HttpMethod.POST)
                .setServer(SocketAddress.inetSocketAddress(port, address.getHostAddress()))
                .setHost(url.getHost())
                .setPort(port)
                .setSsl(ssl)
                .setURI(url.getRawQuery() == null ? path : path + "?" + url.getRawQuery())
                .setFollowRedirects(false)
                .setConnectTimeout(connectMillis());
    }

    /** The lease is asked in the event-loop turn of the write, with the connection in hand. */
    private Future<Answer> exchange(HttpClientRequest request) {
        request.exceptionHandler(cause -> log.debug("webhook request ended key={} cause={}", key, why(cause)));
        if (!call.mayStart() || deadline.hasPassed()) {
            request.reset();
            return Future.failedFuture("the node was not sure to own the run, or out of time");
        }
        sign(request);
        open = request;
        unanswered++;
        return request.send(body)
                .compose(Answer::read)
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS)
                .onSuccess(answer -> unanswered--)
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
    }

    private Future<Outcome> settle(int number, URI url, Answer answer, int redirects) {
        var status = answer.status();
        if (status >= 200 && status < 300) {
            return Future.succeededFuture(new Outcome.Returned(answer.result(), List.of()));
        }
        if (status != 307 && status != 308) {
            return Future.succeededFuture(refused("status " + status)); // 301, 302, 303 would turn it into a GET
        }
        if (redirects == MAX_REDIRECTS) {
            return Future.succeededFuture(refused("more than %d redirects".formatted(MAX_REDIRECTS)));
        }
        return redirect(number, url, answer, redirects);
    }

    private Future<Outcome> redirect(int number, URI url, Answer answer, int redirects) {
        var next = answer.location(url);
        if (next == null) {
            return Future.succeededFuture(refused("a redirect without a usable location"));
        }
        var owner = configured.stream().filter(known -> known.hasHost(next)).findFirst();
        if (owner.isEmpty()) {
            return Future.succeededFuture(refused("a redirect to a host that is no destination"));
        }
        var allowPrivate = destination.allowPrivate() && owner.get().allowPrivate();
        var mistake = Destination.mistake(next, allowPrivate);
        return mistake.isEmpty()
                ? send(number, next, allowPrivate, redirects + 1)
                : Future.succeededFuture(refused("a redirect to a URL with " + mistake));
    }

    private Future<Outcome> tryAgain(int number, Throwable cause) {
        log.info(
                "webhook attempt failed request_id={} key={} attempt={} unanswered={} cause={}",
                call.requestId(),
                key,
                number,
                unanswered,
                why(cause));
        var pause = pauseMillis(number);
        var mayRepeat = unanswered == 0 || destination.idempotent();
        var inTime = !deadline.hasPassed() && pause < deadline.remainingMillis();
        if (isFinal(cause) || !mayRepeat || !inTime || call.isAborted()) {
            return Future.succeededFuture(
                    unanswered > 0 ? unknown(why(cause)) : refused("could not be delivered: " + why(cause)));
        }
        return network.vertx().timer(pause, TimeUnit.MILLISECONDS).compose(unused -> attempt(number + 1));
    }

    /** Neither a forbidden address nor a wrong certificate mends itself within a minute. */
    private static boolean isFinal(Throwable failure) {
        for (@Nullable Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof Forbidden || cause instanceof CertificateException) {
                return true;
            }
        }
        return false;
    }

    private void breakOff() {
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

    /** Without the brackets of an IPv6 literal. */
    private static String bareHost(URI url) {
        return url.getHost().toLowerCase(Locale.ROOT).replaceAll("^\\[|]$", "");
    }
}

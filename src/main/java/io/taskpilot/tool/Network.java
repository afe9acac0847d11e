package io.taskpilot.tool;

import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.TimeLimit;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * The way out for webhooks, shared by all of them: a host is looked up once for a request, each of its addresses is
 * judged, and the connection goes to one of those that were. No proxy is used, whatever the environment says: it would
 * look the name up again.
 */
record Network(Vertx vertx, HttpClient client, Function<String, Future<List<InetAddress>>> resolver) {
    private static final int MAX_CONNECTIONS = 256;
    private static final int MAX_WAITING = 1024;
    private static final long HANDSHAKE_SECONDS = 5;

    /** The host has an address where a webhook may not go. Does not mend itself within a minute. */
    static final class Forbidden extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Forbidden(String reason) {
            super(reason, null, false, false);
        }
    }

    static Network open(Vertx vertx, BlockingIo blocking) {
        return open(vertx, clientOptions(), host -> blocking.run(() -> List.of(InetAddress.getAllByName(host))));
    }

    static Network open(Vertx vertx, HttpClientOptions options, Function<String, Future<List<InetAddress>>> resolver) {
        var pool = new PoolOptions().setHttp1MaxSize(MAX_CONNECTIONS).setMaxWaitQueueSize(MAX_WAITING);
        return new Network(vertx, vertx.createHttpClient(options, pool), new Lookups(vertx, resolver)::of);
    }

    /**
     * A connection for each request: one that was kept open could break under the next request, and leave its outcome
     * unknown for nothing. Nothing is followed or unpacked unasked.
     */
    static HttpClientOptions clientOptions() {
        return new HttpClientOptions()
                .setMetricsName("webhooks")
                .setKeepAlive(false)
                .setVerifyHost(true)
                .setSslHandshakeTimeout(HANDSHAKE_SECONDS)
                .setSslHandshakeTimeoutUnit(TimeUnit.SECONDS);
    }

    /**
     * All addresses of the host. Every one must be permitted, not only the one that is used: a name that leads to both
     * kinds is not to be trusted. Fails with {@link Forbidden} else.
     */
    Future<List<InetAddress>> permitted(URI url, boolean allowPrivate, long millis) {
        return TimeLimit.of(vertx, millis, resolver.apply(bareHost(url))).compose(addresses -> {
            addresses.forEach(address -> refuseForbidden(url, address, allowPrivate));
            return addresses.isEmpty()
                    ? Future.failedFuture(new UnknownHostException(url.getHost()))
                    : Future.succeededFuture(addresses);
        });
    }

    private static void refuseForbidden(URI url, InetAddress address, boolean allowPrivate) {
        var kind = AddressGuard.refusal(address, allowPrivate);
        if (kind != null) {
            throw new Forbidden("%s has a forbidden address (%s)".formatted(url.getHost(), kind));
        }
    }

    /** Connects to this very address; the name remains that of Host, SNI and the certificate. */
    Future<HttpClientRequest> connect(URI url, InetAddress address, long millis) {
        var port = Destination.port(url);
        var path = url.getRawPath() == null || url.getRawPath().isEmpty() ? "/" : url.getRawPath();
        return client.request(new RequestOptions()
                .setMethod(HttpMethod.POST)
                .setServer(SocketAddress.inetSocketAddress(port, address.getHostAddress()))
                .setHost(url.getHost())
                .setPort(port)
                .setSsl(Destination.isHttps(url))
                .setURI(url.getRawQuery() == null ? path : path + "?" + url.getRawQuery())
                .setFollowRedirects(false)
                .setConnectTimeout(millis));
    }

    /** Without the brackets of an IPv6 literal. */
    private static String bareHost(URI url) {
        return url.getHost().toLowerCase(Locale.ROOT).replaceAll("^\\[|]$", "");
    }
}

package io.taskpilot.tool;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * Looks a host up once at a time, for all who ask meanwhile. A look-up that hangs can't be ended: one for each who asks
 * would hold every thread there is for look-ups. Safe to share between event loops.
 */
final class Lookups {
    private final Vertx vertx;
    private final Function<String, Future<List<InetAddress>>> resolver;
    private final Map<String, Future<List<InetAddress>>> running = new ConcurrentHashMap<>();

    Lookups(Vertx vertx, Function<String, Future<List<InetAddress>>> resolver) {
        this.vertx = vertx;
        this.resolver = resolver;
    }

    /** Completes on the caller's context. */
    Future<List<InetAddress>> of(String host) {
        var lookup = running.computeIfAbsent(host, resolver);
        lookup.onComplete(done -> running.remove(host, lookup)); // by everybody: it may have ended before it was kept
        return Future.fromCompletionStage(lookup.toCompletionStage(), vertx.getOrCreateContext());
    }
}

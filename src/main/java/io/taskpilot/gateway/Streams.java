package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The open streams of this server: bounded in number, and told when the server drains. Thread-safe. */
final class Streams {
    private static final Logger log = LoggerFactory.getLogger(Streams.class);
    private final Set<Open> open = ConcurrentHashMap.newKeySet();
    private final Set<Runnable> waiting = ConcurrentHashMap.newKeySet();
    private final Metrics metrics;
    private final int most;
    private volatile boolean draining;

    /** One open stream. */
    static final class Open {
        private final String transport;
        private final Supplier<Future<Void>> leave;

        private Open(String transport, Supplier<Future<Void>> leave) {
            this.transport = transport;
            this.leave = leave;
        }

        private Future<Void> leave() {
            return leave.get();
        }
    }

    Streams(Metrics metrics, int most) {
        this.metrics = metrics;
        this.most = most;
    }

    /** @throws Failure 503 also when the server drains, for what nobody could go on with elsewhere */
    void requireRoomToTheEnd() {
        if (draining) {
            metrics.admission().rejected("draining");
            throw Failure.overloaded("overload-draining", "this server is about to stop", Duration.ofSeconds(1));
        }
        requireRoom();
    }

    /** @throws Failure 503 when the server has no room */
    void requireRoom() {
        if (open.size() >= most) {
            metrics.admission().rejected("overload");
            var detail = "%d streams are open (limit: %d)".formatted(most, most);
            throw Failure.overloaded("overload-streams", detail, Duration.ofSeconds(5));
        }
    }

    /** @param leave tells the reader to come back elsewhere, and ends soon; called on the caller's context */
    Open add(Vertx vertx, String transport, Supplier<Future<Void>> leave) {
        var context = vertx.getOrCreateContext();
        Supplier<Future<Void>> onContext = () -> {
            var left = Promise.<Void>promise();
            context.runOnContext(unused -> Future.<Void>succeededFuture()
                    .compose(now -> leave.get()) // which may throw
                    .onFailure(cause -> log.error("stream not told to go transport={}", transport, cause))
                    .otherwiseEmpty() // the others are to go all the same
                    .onComplete(left));
            return left.future();
        };
        var stream = new Open(transport, onContext);
        open.add(stream);
        metrics.streams().opened(transport);
        if (draining) { // who comes late is sent on by what the protocol has for it, as the others are: it is no error
            stream.leave();
        }
        return stream;
    }

    /** @param reason as metrics have it */
    void remove(Open stream, String reason) {
        if (open.remove(stream)) {
            metrics.streams().closed(stream.transport, reason);
        }
    }

    /**
     * For an answer that is held back: it must not be once the server goes.
     *
     * @param answer called on any thread, at once if the server goes already
     * @return takes it back when run
     */
    Runnable onDrain(Runnable answer) {
        waiting.add(answer);
        if (draining) {
            answer.run();
        }
        return () -> waiting.remove(answer);
    }

    int size() {
        return open.size();
    }

    boolean isDraining() {
        return draining;
    }

    /** Sends every reader elsewhere, and answers who waits; later ones are sent on as they come. */
    Future<Void> drain() {
        draining = true;
        waiting.forEach(Runnable::run);
        var left = new ArrayList<Future<Void>>();
        open.forEach(stream -> left.add(stream.leave()));
        return Future.join(left).mapEmpty();
    }
}

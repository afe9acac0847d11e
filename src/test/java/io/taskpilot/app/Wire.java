package io.taskpilot.app;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetSocket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Stands between a server and something it needs, on one port, and fails as that cannot be made to fail itself. */
final class Wire implements AutoCloseable {
    private static final long LINGER_MILLIS = 200;

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    private final Set<NetSocket> clients = ConcurrentHashMap.newKeySet();
    private final int target;
    private final int port;
    private NetServer listener;
    private volatile @Nullable String answer;
    private volatile Duration delay = Duration.ZERO;

    private Wire(int target) throws TimeoutException {
        this.target = target;
        listener = listen(0);
        port = listener.actualPort();
    }

    /** @param target a port of the loopback */
    static Wire to(int target) throws TimeoutException {
        return new Wire(target);
    }

    private NetServer listen(int on) throws TimeoutException {
        return vertx.createNetServer()
                .connectHandler(this::connected)
                .listen(on, "127.0.0.1")
                .await(5, SECONDS);
    }

    int port() {
        return port;
    }

    /** Connections are cut, and refused from now on. */
    void goesDown() throws TimeoutException {
        listener.close().await(5, SECONDS);
        clients.forEach(NetSocket::close);
    }

    void comesUp() throws TimeoutException {
        listener = listen(port);
    }

    /** Says this to whatever it is asked, and hangs up. */
    void says(String text) {
        answer = text;
        clients.forEach(NetSocket::close);
    }

    /** Whatever is said, in either direction, arrives so much later. */
    void delays(Duration by) {
        delay = by;
    }

    /** As if it were not there. */
    void passes() {
        answer = null;
        delay = Duration.ZERO;
        clients.forEach(NetSocket::close);
    }

    private void connected(NetSocket client) {
        clients.add(client);
        client.closeHandler(unused -> clients.remove(client));
        var text = answer;
        if (text != null) {
            client.handler(asked -> {
                client.handler(more -> {});
                client.write(text);
                // Not at once: who still writes would be reset, and miss what was said.
                vertx.setTimer(LINGER_MILLIS, unused -> client.close());
            });
            return;
        }
        client.pause();
        vertx.createNetClient()
                .connect(target, "127.0.0.1")
                .onSuccess(upstream -> relay(client, upstream))
                .onFailure(unused -> client.close());
    }

    private void relay(NetSocket client, NetSocket upstream) {
        client.handler(new Lane(upstream)::carry);
        upstream.handler(new Lane(client)::carry);
        client.closeHandler(unused -> {
            clients.remove(client);
            upstream.close();
        });
        upstream.closeHandler(unused -> client.close());
        client.resume();
    }

    /** One direction: what was said first arrives first, also when the delay changes. */
    private final class Lane {
        private final NetSocket to;
        private long freeAt = System.nanoTime();

        Lane(NetSocket to) {
            this.to = to;
        }

        void carry(Buffer piece) {
            var now = System.nanoTime();
            var due = Math.max(now + delay.toNanos(), freeAt);
            if (due <= now) {
                to.write(piece);
                return;
            }
            freeAt = due + 1_000_000; // timers of one millisecond have no order
            vertx.setTimer(Math.max(1, (due - now) / 1_000_000), unused -> to.write(piece));
        }
    }

    @Override
    public void close() throws TimeoutException {
        vertx.close().await(10, SECONDS);
    }
}

package io.taskpilot.objects;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Stands before a server, counts the connections to it, and keeps what is sent. */
final class Relay {
    final AtomicInteger connections = new AtomicInteger();
    final AtomicInteger mostConnections = new AtomicInteger();
    private final Buffer sent = Buffer.buffer();
    private final URI server;
    private final NetClient client;
    private final NetServer listener;

    Relay(Vertx vertx, URI server) throws Exception {
        this.server = server;
        client = vertx.createNetClient();
        listener = vertx.createNetServer()
                .connectHandler(this::accept)
                .listen(0, "127.0.0.1")
                .await(10, TimeUnit.SECONDS);
    }

    URI url() {
        return URI.create("http://127.0.0.1:" + listener.actualPort());
    }

    /** Everything that clients sent so far. */
    String sent() {
        synchronized (sent) {
            return sent.toString(StandardCharsets.ISO_8859_1);
        }
    }

    private void accept(NetSocket caller) {
        mostConnections.accumulateAndGet(connections.incrementAndGet(), Math::max);
        caller.closeHandler(unused -> connections.decrementAndGet());
        caller.pause();
        client.connect(server.getPort(), server.getHost())
                .onSuccess(there -> {
                    caller.handler(chunk -> {
                        synchronized (sent) {
                            sent.appendBuffer(chunk);
                        }
                        there.write(chunk);
                    });
                    there.handler(caller::write);
                    there.closeHandler(unused -> caller.close());
                    caller.closeHandler(unused -> {
                        connections.decrementAndGet();
                        there.close();
                    });
                    caller.resume();
                })
                .onFailure(cause -> caller.close());
    }
}

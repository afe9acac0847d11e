package io.taskpilot.journal;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetSocket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Stands between a client and PostgreSQL, and breaks where a test says. */
final class UnreliableWire implements AutoCloseable {
    /** What happens to the message that holds the text. */
    enum Break {
        /** It never arrives. */
        BEFORE_IT_ARRIVES,
        /** It arrives and is executed, and the answer never comes back. */
        BEFORE_THE_ANSWER,
        /** It never arrives, and the connection stays open and silent. */
        SILENCE,
        /** It arrives and is executed, and the connection stays open and silent. */
        SILENCE_AFTER_IT
    }

    private final Vertx vertx = Vertx.vertx();
    private final PostgresAddress server;
    private final NetServer listener;
    private final Set<NetSocket> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger breaks = new AtomicInteger();
    private volatile @Nullable String text;
    private volatile Break how = Break.BEFORE_IT_ARRIVES;
    private final Set<NetSocket> ignored = ConcurrentHashMap.newKeySet();
    private final AtomicInteger everIgnored = new AtomicInteger();
    private volatile boolean down;
    private volatile boolean goesDown;
    private volatile boolean mute;

    UnreliableWire(PostgresAddress server) {
        this.server = server;
        listener = JournalFixture.await(
                vertx.createNetServer().connectHandler(this::connected).listen(0, "127.0.0.1"));
    }

    /** The server, by way of this. */
    PostgresAddress address() {
        return new PostgresAddress(
                "127.0.0.1",
                listener.actualPort(),
                server.database(),
                server.user(),
                server.password(),
                server.parameters());
    }

    /** Breaks once, at the next message to the server that holds the text. */
    void breakAt(String textInMessage, Break whatHappens) {
        how = whatHappens;
        text = textInMessage;
    }

    /** Executes the next message that holds the text, and is down before its answer comes back. */
    void goDownAt(String textInMessage) {
        goesDown = true;
        breakAt(textInMessage, Break.BEFORE_THE_ANSWER);
    }

    boolean isDown() {
        return down;
    }

    /** How many times it broke. */
    int breaks() {
        return breaks.get();
    }

    /** Cuts every connection and takes no new one. */
    void down() {
        down = true;
        open.forEach(NetSocket::close);
    }

    /** Cuts every connection, takes new ones, and never says a word on them: not after {@link #up} either. */
    void mute() {
        muteNew();
        open.forEach(NetSocket::close);
    }

    /** The same, and connections that are there go on. */
    void muteNew() {
        mute = true;
    }

    void up() {
        goesDown = false;
        down = false;
        mute = false;
    }

    /** Connections that are open and were taken while it was mute. */
    int ignored() {
        return ignored.size();
    }

    /** How many it took while it was mute. */
    int everIgnored() {
        return everIgnored.get();
    }

    private void connected(NetSocket client) {
        if (down) {
            client.close();
            return;
        }
        if (mute) {
            ignored.add(client);
            everIgnored.incrementAndGet();
            client.closeHandler(unused -> ignored.remove(client));
            return;
        }
        client.pause();
        open.add(client);
        client.closeHandler(unused -> open.remove(client));
        vertx.createNetClient()
                .connect(server.port(), server.host())
                .onSuccess(upstream -> relay(client, upstream))
                .onFailure(unused -> client.close());
    }

    private void relay(NetSocket client, NetSocket upstream) {
        client.handler(message -> toServer(client, upstream, message));
        upstream.handler(client::write);
        client.closeHandler(unused -> {
            open.remove(client);
            upstream.close();
        });
        upstream.closeHandler(unused -> client.close());
        client.resume();
    }

    private void toServer(NetSocket client, NetSocket upstream, Buffer message) {
        var wanted = text;
        if (wanted == null || !message.toString(StandardCharsets.ISO_8859_1).contains(wanted)) {
            upstream.write(message);
            return;
        }
        text = null;
        breaks.incrementAndGet();
        switch (how) {
            case BEFORE_IT_ARRIVES -> client.close();
            case BEFORE_THE_ANSWER -> {
                upstream.handler(answer -> {
                    if (goesDown) {
                        down();
                    }
                    client.close();
                });
                upstream.write(message);
            }
            case SILENCE -> silence(client, upstream);
            case SILENCE_AFTER_IT -> {
                silence(client, upstream);
                upstream.write(message);
            }
        }
    }

    private static void silence(NetSocket client, NetSocket upstream) {
        upstream.handler(answer -> {});
        client.handler(more -> {});
    }

    @Override
    public void close() {
        JournalFixture.await(vertx.close());
    }
}

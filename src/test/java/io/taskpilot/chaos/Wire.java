package io.taskpilot.chaos;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The network between a node and PostgreSQL. Silent, it forwards nothing and says nothing, as when packets are dropped:
 * connections stand, new ones are made and get no answer, and what was sent arrives once it is over.
 */
final class Wire implements AutoCloseable {
    private final int server;
    private final ServerSocket listener;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final Object silence = new Object();
    private boolean silent;

    /** @param server the port that PostgreSQL has on this machine */
    Wire(int server) throws IOException {
        this.server = server;
        this.listener = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
        threads.execute(this::accept);
    }

    int port() {
        return listener.getLocalPort();
    }

    void silence() {
        synchronized (silence) {
            silent = true;
        }
    }

    void goOn() {
        synchronized (silence) {
            silent = false;
            silence.notifyAll();
        }
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                var client = listener.accept();
                open.add(client);
                threads.execute(() -> connect(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void connect(Socket client) {
        var upstream = new Socket();
        open.add(upstream);
        try {
            awaitSound();
            upstream.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server), 2_000);
            client.setTcpNoDelay(true);
            upstream.setTcpNoDelay(true);
            threads.execute(() -> forward(upstream, client));
        } catch (IOException | InterruptedException away) {
            close(client, upstream);
            return;
        }
        forward(client, upstream);
    }

    private void forward(Socket from, Socket to) {
        var bytes = new byte[16 * 1024];
        try {
            for (var count = from.getInputStream().read(bytes);
                    count > 0;
                    count = from.getInputStream().read(bytes)) {
                awaitSound();
                to.getOutputStream().write(bytes, 0, count);
            }
            awaitSound(); // an end is not heard of either
        } catch (IOException | InterruptedException cut) {
            // both ends are closed below, which is all that is to happen
        }
        close(from, to);
    }

    private void awaitSound() throws InterruptedException {
        synchronized (silence) {
            while (silent) {
                silence.wait();
            }
        }
    }

    private void close(Socket one, Socket other) {
        for (var socket : new Socket[] {one, other}) {
            open.remove(socket);
            Storm.unchecked(socket::close);
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
        Storm.unchecked(listener::close);
        for (var socket : open) {
            Storm.unchecked(socket::close);
        }
    }
}

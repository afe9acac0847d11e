package io.taskpilot.app;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** An open response, read by one thread; takes lines no faster than that thread asks for them. */
final class LineStream implements Flow.Subscriber<String>, AutoCloseable {
    /** Four keep-alives of the server missing. */
    static final Duration SILENCE = Duration.ofSeconds(60);

    private static final int AHEAD = 64;

    private record Signal(@Nullable String line, @Nullable Throwable cause) {}

    private final LinkedBlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
    private final Duration silence;
    private volatile Flow.@Nullable Subscription subscription;

    LineStream(Duration silence) {
        this.silence = silence;
    }

    /**
     * Waits for the next line; empty when the server ended the response.
     *
     * @throws IOException when the connection broke or was silent for too long
     */
    Optional<String> next() throws IOException, InterruptedException {
        var signal = signals.poll(silence.toMillis(), TimeUnit.MILLISECONDS);
        if (signal == null) {
            close();
            throw new IOException("nothing heard for " + silence.toSeconds() + " s");
        }
        if (signal.line() == null) {
            if (signal.cause() != null) {
                throw new IOException(signal.cause());
            }
            return Optional.empty();
        }
        request(1);
        return Optional.of(signal.line());
    }

    private void request(long lines) {
        var open = subscription;
        if (open != null) {
            open.request(lines);
        }
    }

    @Override
    public void onSubscribe(Flow.Subscription opened) {
        subscription = opened;
        opened.request(AHEAD);
    }

    @Override
    public void onNext(String line) {
        signals.add(new Signal(line, null));
    }

    @Override
    public void onError(Throwable cause) {
        signals.add(new Signal(null, cause));
    }

    @Override
    public void onComplete() {
        signals.add(new Signal(null, null));
    }

    /** Gives the connection up. */
    @Override
    public void close() {
        var open = subscription;
        if (open != null) {
            open.cancel();
        }
    }
}

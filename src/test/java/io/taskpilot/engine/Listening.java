package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** A node as far as signals go: what it says, and what it heard, each in the order of its coming. */
public final class Listening implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 40;
    private static final Duration STALL = Duration.ofSeconds(30);

    private final Vertx vertx = Vertx.vertx();
    public final Metrics metrics = new Metrics("test", "test");
    public final NodeSignals signals;
    private final BlockingQueue<Boolean> standings = new LinkedBlockingQueue<>();
    private final BlockingQueue<UUID> changed = new LinkedBlockingQueue<>();
    private final BlockingQueue<UUID> cancelled = new LinkedBlockingQueue<>();
    private final BlockingQueue<Boolean> claimable = new LinkedBlockingQueue<>();
    private final BlockingQueue<Boolean> missed = new LinkedBlockingQueue<>();

    /** Makes a transport on an event loop of the node. */
    public interface Source {
        SignalTransport on(Vertx vertx);
    }

    /** A node that takes no stall of the machine for a link that is lost. */
    public Listening(Source transport) {
        this(transport, true);
    }

    private Listening(Source transport, boolean patient) {
        var link = transport.on(vertx);
        signals = patient
                ? new NodeSignals(vertx, link, metrics.signals(), standings::add, STALL, STALL)
                : new NodeSignals(vertx, link, metrics.signals(), standings::add);
        signals.onCancelRequested(cancelled::add);
        signals.onClaimable(() -> claimable.add(true));
        signals.onMissed(() -> missed.add(true));
        signals.start();
    }

    /** As patient as in production. */
    public static Listening inProduction(Source transport) {
        return new Listening(transport, false);
    }

    public static <T> T await(Future<T> future) {
        try {
            return future.await(PATIENCE_SECONDS, SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static <T> T next(BlockingQueue<T> queue, String what) {
        T next;
        try {
            next = queue.poll(PATIENCE_SECONDS, SECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (next == null) {
            throw new AssertionError("not heard in time: " + what);
        }
        return next;
    }

    /** Waits until this node hears the others, or does not. */
    public Listening standing(boolean wanted) {
        while (next(standings, "standing " + wanted) != wanted) {
            // the other one came first
        }
        return this;
    }

    /** Opens a subscription; run the answer to close it. */
    public Runnable watch(UUID runId) {
        return await(signals.onChanged(runId, () -> changed.add(runId)));
    }

    /** What is heard of a run from now on, in the order of its coming: live text, and the run's id at each change. */
    public BlockingQueue<Object> follow(UUID runId) {
        var news = new LinkedBlockingQueue<Object>();
        var context = vertx.getOrCreateContext();
        var subscribed = Promise.<Void>promise();
        context.runOnContext(unused -> Future.all(
                        signals.onSaid(runId, news::add), signals.onChanged(runId, () -> news.add(runId)))
                .<Void>mapEmpty()
                .onComplete(subscribed));
        await(subscribed.future());
        return news;
    }

    public static Object nextOf(BlockingQueue<Object> news) {
        return next(news, "news of a run");
    }

    public UUID nextChange() {
        return next(changed, "a change");
    }

    public UUID nextCancel() {
        return next(cancelled, "a cancel");
    }

    /** Waits for word of runs to claim. */
    public void nextClaimable() {
        next(claimable, "claimable");
    }

    /** Waits until this node was told that it may have missed something. */
    public void nextMissed() {
        next(missed, "missed");
    }

    public @Nullable UUID changeHeard() {
        return changed.poll();
    }

    /** Forgets what was heard until now. */
    public void forget() {
        changed.clear();
        cancelled.clear();
        claimable.clear();
        missed.clear();
    }

    public double metric(String line) {
        return metrics.scrape("text/plain")
                .lines()
                .filter(each -> each.startsWith(line + " "))
                .mapToDouble(each -> Double.parseDouble(each.substring(line.length() + 1)))
                .findFirst()
                .orElse(0);
    }

    @Override
    public void close() {
        await(signals.close());
        await(vertx.close());
    }
}

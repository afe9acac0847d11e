package io.taskpilot.engine;

import io.taskpilot.engine.SignalMessage.Kind;
import io.taskpilot.engine.SignalTransport.Link;
import io.taskpilot.engine.SignalTransport.Post;
import io.taskpilot.resilience.Retry;
import io.taskpilot.telemetry.SignalMetrics;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signals between nodes. Listeners of this process are told at once and by this process; the others over a link that is
 * opened again and again. Nobody ever waits for it: what does not go out is dropped and counted, and found by polling.
 */
public final class NodeSignals implements Signals {
    private static final Logger log = LoggerFactory.getLogger(NodeSignals.class);
    private static final Duration LONGEST_SUBSCRIBE = Duration.ofSeconds(1);
    private static final long ECHO_MILLIS = 1_000;
    private static final Duration LONGEST_SILENCE = Duration.ofSeconds(3);
    private static final long LAST_POST_MILLIS = 500;
    private static final Retry REOPEN = new Retry(Integer.MAX_VALUE, Duration.ofMillis(100), Duration.ofSeconds(3));

    private final Vertx vertx;
    private final Context context; // all that follows belongs to it
    private final LocalSignals local;
    private final SignalTransport transport;
    private final SignalMetrics metrics;
    private final Consumer<Boolean> standing;
    private final Duration longestSubscribe;
    private final Duration longestSilence;
    private final String self = "%016x".formatted(ThreadLocalRandom.current().nextLong());
    private final SignalChannels names;
    private final Outbox outbox;
    private final WatchedChannels channels = new WatchedChannels();
    private @Nullable Link link;
    private int generation;
    private int failures;
    private boolean subscribed;
    private boolean posting;
    private boolean audible;
    private long echoNanos;
    private @Nullable Promise<Void> closing;

    /** @param standing told whether the other nodes can be talked to, at every change, on one event loop */
    public NodeSignals(Vertx vertx, SignalTransport transport, SignalMetrics metrics, Consumer<Boolean> standing) {
        this(vertx, transport, metrics, standing, LONGEST_SUBSCRIBE, LONGEST_SILENCE);
    }

    /**
     * @param longestSubscribe for which a caller waits until a subscription is confirmed
     * @param longestSilence after which a link on which nothing comes back is opened again
     */
    NodeSignals(
            Vertx vertx,
            SignalTransport transport,
            SignalMetrics metrics,
            Consumer<Boolean> standing,
            Duration longestSubscribe,
            Duration longestSilence) {
        this.vertx = vertx;
        this.context = vertx.getOrCreateContext();
        this.local = new LocalSignals(vertx);
        this.transport = transport;
        this.metrics = metrics;
        this.standing = standing;
        this.longestSubscribe = longestSubscribe;
        this.longestSilence = longestSilence;
        this.names = new SignalChannels(transport.channels());
        this.outbox = new Outbox(self, names, System::nanoTime);
    }

    /** Opens the link, sooner or later: there is nothing to wait for. */
    public void start() {
        context.runOnContext(unused -> {
            open();
            vertx.setPeriodic(ECHO_MILLIS, tick -> listenIn());
        });
    }

    @Override
    public void changed(Collection<UUID> runIds) {
        local.changed(runIds);
        tell(() -> metrics.dropped(outbox.changed(runIds)));
    }

    @Override
    public void claimable() {
        local.claimable();
        tell(outbox::claimable);
    }

    @Override
    public void cancelRequested(UUID runId) {
        local.cancelRequested(runId);
        tell(() -> metrics.dropped(outbox.cancelled(runId)));
    }

    /** Over a link that carries text and stands, or to nobody else. */
    @Override
    public void said(AgentDelta delta) {
        local.said(delta);
        if (transport.carriesText()) {
            tell(() -> metrics.droppedText(subscribed ? outbox.said(delta) : 1));
        }
    }

    private void tell(Runnable note) {
        context.runOnContext(unused -> {
            note.run();
            post();
        });
    }

    /** Does not wait for a confirmation that is not to be had: after a second, or without a link, polling has to do. */
    @Override
    public Future<Runnable> onChanged(UUID runId, Runnable listener) {
        return joined(names.of(runId), local.listen(runId, listener));
    }

    @Override
    public Future<Runnable> onSaid(UUID runId, Consumer<AgentDelta> listener) {
        var here = local.read(runId, listener);
        return transport.carriesText() ? joined(names.ofText(runId), here) : Future.succeededFuture(here);
    }

    /** @param here closes the subscription within this process */
    private Future<Runnable> joined(String name, Runnable here) {
        var caller = vertx.getOrCreateContext();
        var open = new AtomicBoolean(true);
        Runnable close = () -> {
            if (open.getAndSet(false)) {
                here.run();
                context.runOnContext(unused -> channels.leave(name));
            }
        };
        var answer = Promise.<Runnable>promise();
        var patience = vertx.setTimer(longestSubscribe.toMillis(), unused -> answer.tryComplete(close));
        context.runOnContext(unused -> channels.join(name, link, lostIn(generation))
                .onComplete(done -> caller.runOnContext(back -> {
                    vertx.cancelTimer(patience);
                    answer.tryComplete(close);
                })));
        return answer.future();
    }

    @Override
    public void onClaimable(Runnable listener) {
        local.onClaimable(listener);
    }

    @Override
    public void onCancelRequested(Consumer<UUID> listener) {
        local.onCancelRequested(listener);
    }

    @Override
    public void onMissed(Runnable listener) {
        local.onMissed(listener);
    }

    private void open() {
        var current = ++generation;
        transport
                .open(
                        text -> context.runOnContext(unused -> heard(text)),
                        () -> context.runOnContext(unused -> lost(current, "closed")))
                .onComplete(opened -> opened(current, opened), cause -> lost(current, cause.toString()));
    }

    private void opened(int current, Link opened) {
        if (current != generation) {
            opened.close();
            return;
        }
        link = opened;
        echoNanos = System.nanoTime();
        var confirmations = new ArrayList<>(channels.subscribe(opened, lostIn(current)));
        confirmations.add(opened.subscribe(names.everybody()));
        confirmations.add(opened.subscribe(names.ofNode(self)));
        Future.all(confirmations).onComplete(all -> heardAgain(current, opened), lostIn(current)::accept);
    }

    /** What was said while nobody listened is lost: everybody looks for themselves, once. */
    private void heardAgain(int current, Link opened) {
        if (current != generation) {
            return;
        }
        subscribed = true;
        local.missed();
        sayEcho(current, opened);
        post();
    }

    private Consumer<Throwable> lostIn(int current) {
        return cause -> lost(current, cause.toString());
    }

    private void lost(int current, String cause) {
        if (current != generation) {
            return;
        }
        if (audible || failures == 0) {
            audible = false;
            log.warn("signals of other nodes are not heard, polling until they are cause={}", cause);
            standing.accept(false);
        }
        failures++;
        end();
        metrics.reopened();
        vertx.setTimer(1 + REOPEN.pause(failures, ThreadLocalRandom.current()).toMillis(), unused -> {
            if (closing == null) {
                open();
            }
        });
    }

    private void end() {
        generation++; // whatever the link still says means nothing
        if (link != null) {
            link.close();
        }
        link = null;
        subscribed = false;
        posting = false;
        metrics.droppedText(outbox.forgetText());
        channels.giveUp();
    }

    private void heard(String text) {
        SignalMessage.parse(text)
                .ifPresentOrElse(
                        this::heard,
                        () -> TextMessage.parse(text)
                                .filter(message -> !message.sender().equals(self))
                                .ifPresent(message -> local.said(message.delta())));
    }

    private void heard(SignalMessage message) {
        if (message.sender().equals(self)) {
            if (message.kind() == Kind.ECHO) {
                echoCame();
            }
            return; // the rest was told when it was said
        }
        switch (message.kind()) {
            case CHANGED -> local.changed(message.runIds());
            case CLAIMABLE -> local.claimable();
            case CANCEL -> local.cancelRequested(message.runIds().get(0));
            case ECHO -> log.debug("echo of another node sender={}", message.sender());
        }
    }

    private void echoCame() {
        echoNanos = System.nanoTime();
        if (!audible) {
            audible = true;
            failures = 0;
            log.info("signals of other nodes are heard");
            standing.accept(true);
        }
    }

    /** A link is as good as what comes back on it: one that accepts and stays silent is broken. */
    private void listenIn() {
        var used = link;
        if (used == null) {
            return;
        }
        var current = generation;
        if (System.nanoTime() - echoNanos > longestSilence.toNanos()) {
            lost(current, "nothing comes back");
        } else if (subscribed) {
            sayEcho(current, used);
            channels.forgetUnwatched(used, lostIn(current));
        }
    }

    private void sayEcho(int current, Link used) {
        var echo = new SignalMessage(self, Kind.ECHO, List.of()).text();
        used.post(List.of(new Post(names.ofNode(self), echo))).onFailure(cause -> lost(current, cause.toString()));
    }

    /** One batch at a time: the next gathers meanwhile. */
    private void post() {
        if (posting || link == null || !subscribed || outbox.isEmpty()) {
            closeWhenSaid();
            return;
        }
        var current = generation;
        posting = true;
        var posts = outbox.take();
        link.post(posts).onComplete(done -> {
            if (done.failed()) {
                dropped(posts);
                lost(current, done.cause().toString());
            } else if (current == generation) {
                metrics.posted(posts.size());
                outbox.posted(posts, done.result());
                posting = false;
                post();
            }
        });
    }

    private void dropped(List<Post> posts) {
        var text = (int)
                posts.stream().filter(post -> names.isText(post.channel())).count();
        metrics.droppedText(text);
        metrics.dropped(posts.size() - text);
    }

    private void closeWhenSaid() {
        if (closing != null && !posting) {
            end();
            closing.tryComplete();
        }
    }

    /** Says what is left to say, for half a second at most. */
    public Future<Void> close() {
        var closed = Promise.<Void>promise();
        context.runOnContext(unused -> {
            closing = closed;
            vertx.setTimer(LAST_POST_MILLIS, late -> {
                posting = false;
                closeWhenSaid();
            });
            post();
        });
        return closed.future();
    }
}

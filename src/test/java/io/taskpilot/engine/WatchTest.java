package io.taskpilot.engine;

import static io.taskpilot.engine.Listening.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.journal.Database;
import io.taskpilot.journal.PgJournal;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Watching a run of another node, whose journal tells nobody here: what is heard is what a test says. */
class WatchTest {
    private static final int MANY = 2_000;
    private static final int LOOKS = 50;

    private final Vertx vertx = Vertx.vertx();
    private final Database database = TestPostgres.open(vertx, TestPostgres.database(), 4);
    private final PgJournal elsewhere = new PgJournal(database, null, changed -> {}, detail -> {});
    private final RunReader reader = new PgRunReader(database, null);

    @BeforeEach
    void register() {
        await(elsewhere.register());
    }

    @AfterEach
    void close() {
        elsewhere.close();
        await(database.close());
        await(vertx.close());
    }

    /** A run that another node accepted and drives. */
    private final class Elsewhere {
        final UUID id = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        final long fence;
        RunState state;

        Elsewhere() {
            var request =
                    new RunRequest(id, "default", "p", List.of(), "r", "go", Map.of(), Duration.ofMinutes(5), false);
            var created = await(elsewhere.create(request, null, true));
            fence = created.fence();
            state = RunState.of(List.of(new Recorded(1, created.at(), new RunEvent.Accepted(request))));
        }

        Future<Void> goesOn(RunEvent event) {
            return elsewhere.append(id, fence, state, List.of(event)).map(appended -> {
                state = state.apply(new Recorded(state.lastSeq() + 1, appended.at(), event));
                return null;
            });
        }
    }

    /** The reader, whose poll a test answers or counts. */
    private RunReader polledBy(Function<Collection<UUID>, Future<Map<UUID, Long>>> poll) {
        return polledBy(reader, poll);
    }

    @SuppressWarnings("unchecked")
    private static RunReader polledBy(RunReader reader, Function<Collection<UUID>, Future<Map<UUID, Long>>> poll) {
        return with(reader, "lastSeqs", arguments -> poll.apply((Collection<UUID>) arguments[0]));
    }

    /** A reader, but for one method. */
    private static RunReader with(RunReader reader, String name, Function<Object[], Future<?>> instead) {
        return (RunReader) Proxy.newProxyInstance(
                RunReader.class.getClassLoader(), new Class<?>[] {RunReader.class}, (proxy, method, args) -> {
                    if (method.getName().equals(name)) {
                        return instead.apply(args);
                    }
                    try {
                        return method.invoke(reader, args);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static Future<Map<UUID, Long>> never() {
        return Promise.<Map<UUID, Long>>promise().future();
    }

    /** A wire that confirms a subscription when a test says so. */
    private static final class SlowToConfirm implements SignalTransport, SignalTransport.Link {
        final Promise<Void> asked = Promise.promise();
        final Promise<Void> confirmed = Promise.promise();
        private Consumer<String> heard = text -> {};

        @Override
        public int channels() {
            return 1;
        }

        @Override
        public boolean carriesText() {
            return true;
        }

        @Override
        public Future<Link> open(Consumer<String> listener, Runnable ended) {
            heard = listener;
            return Future.succeededFuture(this);
        }

        @Override
        public Future<Void> subscribe(String channel) {
            if (!channel.equals("taskpilot_0")) {
                return Future.succeededFuture();
            }
            asked.tryComplete();
            return confirmed.future();
        }

        @Override
        public Future<Void> unsubscribe(String channel) {
            return Future.succeededFuture();
        }

        @Override
        public Future<List<Integer>> post(List<Post> posts) {
            posts.forEach(post -> heard.accept(post.text()));
            return Future.succeededFuture(List.of());
        }

        @Override
        public void close() {
            heard = text -> {};
        }
    }

    /**
     * What is committed before the confirmation is told to nobody here, so it must be read after it. A watch that read
     * first would wait for ever: its poll never answers.
     */
    @Test
    void whatIsCommittedBeforeTheSubscriptionIsConfirmedIsReadAfterIt() {
        var run = new Elsewhere();
        var wire = new SlowToConfirm();
        try (var node = new Listening(own -> wire)) {
            node.standing(true);
            var polled = polledBy(runIds -> never());
            var poll = new SlowPoll(vertx, polled, node.signals);

            var opening = RunWatch.open(vertx, polled, node.signals, poll, run.id, 1);
            var next = opening.compose(RunWatch::next);
            await(wire.asked.future());
            await(run.goesOn(new RunEvent.Started()));
            wire.confirmed.complete();

            assertThat(await(next)).extracting(Recorded::event).containsExactly(new RunEvent.Started());
            await(opening).close();
        }
    }

    @Test
    void aWatchIsOpenedAlthoughItsSubscriptionIsNeverConfirmed() {
        var run = new Elsewhere();
        try (var node = Listening.inProduction(own -> new SlowToConfirm())) {
            node.standing(true);

            var watch = await(
                    RunWatch.open(vertx, reader, node.signals, new SlowPoll(vertx, reader, node.signals), run.id, 0));

            assertThat(await(watch.next())).hasSize(1);
            watch.close();
        }
    }

    @Test
    void thousandsOfWatchesCostOneQueryAndOnlyThoseThatMovedAreRead() throws InterruptedException {
        var queries = new CopyOnWriteArrayList<Integer>();
        var reads = new CopyOnWriteArrayList<UUID>();
        var firstReads = new CountDownLatch(MANY);
        var read = with(
                reader,
                "events",
                arguments -> reader.events((UUID) arguments[0], (long) arguments[1], (int) arguments[2])
                        .onComplete(events -> firstReads.countDown()));
        var counted = polledBy(read, runIds -> {
            queries.add(runIds.size());
            return reader.lastSeqs(runIds);
        });
        var signals = new LocalSignals(vertx);
        var poll = new SlowPoll(vertx, counted, signals);
        var runs = new ArrayList<Elsewhere>();
        for (var i = 0; i < 3; i++) {
            runs.add(new Elsewhere());
        }
        var watches = new ArrayList<RunWatch>();
        for (var i = 0; i < MANY; i++) {
            var run = runs.get(i % runs.size());
            watches.add(await(RunWatch.open(vertx, counted, signals, poll, run.id, 1)));
        }
        var waiting = watches.stream()
                .map(watch -> watch.next().onSuccess(events -> reads.add(watch.runId())))
                .toList();
        assertThat(firstReads.await(10, TimeUnit.SECONDS)).isTrue(); // else one of these finds what is appended below
        queries.clear();

        await(runs.get(1).goesOn(new RunEvent.Started()));

        assertThat(await(waiting.get(1))).hasSize(1);
        assertThat(await(waiting.get(4))).hasSize(1);
        assertThat(queries).containsOnly(runs.size());
        assertThat(reads).containsOnly(runs.get(1).id);
        watches.forEach(RunWatch::close);
        assertThat(await(waiting.get(0))).isEmpty();
    }

    @Test
    void afterSignalsWereMissedTheWatchedRunsAreLookedAt() throws InterruptedException {
        var run = new Elsewhere();
        var signals = new LocalSignals(vertx);
        var looks = new LinkedBlockingQueue<Collection<UUID>>();
        var polled = polledBy(runIds -> {
            looks.add(runIds);
            return reader.lastSeqs(runIds);
        });
        var poll = new SlowPoll(vertx, polled, signals);
        var watch = await(RunWatch.open(vertx, polled, signals, poll, run.id, 1));
        var next = watch.next();
        await(run.goesOn(new RunEvent.Started()));

        for (var i = 0; i < LOOKS; i++) {
            signals.missed();
        }

        assertThat(await(next)).hasSize(1);
        for (var i = 0; i < LOOKS; i++) { // more than time alone would bring
            assertThat(looks.poll(5, TimeUnit.SECONDS)).isEqualTo(Set.of(run.id));
        }
        watch.close();
    }

    /** Its signal comes while the read that missed it is on its way back, and the poll never answers. */
    @Test
    void whatIsCommittedWhileAReadIsUnderWayIsReadNext() {
        var run = new Elsewhere();
        var signals = new LocalSignals(vertx);
        var context = vertx.getOrCreateContext();
        var first = new AtomicBoolean(true);
        var late = with(reader, "events", arguments -> {
            var read = reader.events(run.id, (long) arguments[1], (int) arguments[2]);
            if (!first.getAndSet(false)) {
                return read;
            }
            var back = Promise.<List<Recorded>>promise();
            read.onSuccess(events -> run.goesOn(new RunEvent.Started()).onSuccess(unused -> {
                signals.changed(List.of(run.id));
                context.runOnContext(heard -> back.complete(events));
            }));
            return back.future();
        });
        var poll = new SlowPoll(vertx, polledBy(runIds -> never()), signals);
        var next = Promise.<List<Recorded>>promise();

        context.runOnContext(unused -> RunWatch.open(vertx, late, signals, poll, run.id, 1)
                .compose(RunWatch::next)
                .onComplete(next));

        assertThat(await(next.future())).extracting(Recorded::event).containsExactly(new RunEvent.Started());
    }
}

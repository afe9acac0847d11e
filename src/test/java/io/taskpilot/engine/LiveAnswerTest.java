package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.Agent;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LiveAnswerTest {
    private static final UUID RUN = new UUID(7, 9);
    private static final String LONG = "0123456789".repeat(20);

    private final Vertx vertx = Vertx.vertx();
    private final Context context = vertx.getOrCreateContext();
    private final BlockingQueue<AgentDelta> left = new LinkedBlockingQueue<>();
    private final List<String> judged = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    private LiveAnswer answer(@Nullable StreamWindow window, Function<String, Future<Boolean>> rail) {
        return new LiveAnswer(
                vertx,
                RUN,
                5,
                Agent.EXECUTOR,
                window,
                part -> {
                    judged.add(part);
                    return rail.apply(part);
                },
                left::add);
    }

    /** On its event loop, as the engine does. */
    private void on(LiveAnswer answer, Consumer<LiveAnswer> what) throws Exception {
        var done = Promise.<Void>promise();
        context.runOnContext(unused -> {
            what.accept(answer);
            done.complete();
        });
        done.future().await(10, SECONDS);
    }

    private static Future<Boolean> passes(String part) {
        return Future.succeededFuture(true);
    }

    private AgentDelta next() throws Exception {
        var delta = left.poll(10, SECONDS);
        if (delta == null) {
            throw new AssertionError("nothing left within 10 s");
        }
        return delta;
    }

    private String text() {
        return left.stream().map(AgentDelta::text).collect(Collectors.joining());
    }

    @Test
    void withoutAWindowTextLeavesAsItComesGatheredForAMoment() throws Exception {
        var answer = answer(null, LiveAnswerTest::passes);
        on(answer, live -> {
            live.accept("Hel");
            live.accept("lo");
        });

        assertThat(next()).isEqualTo(new AgentDelta(RUN, 5, Agent.EXECUTOR, 0, "Hello"));

        on(answer, live -> {
            live.accept(", you");
            live.written();
        });
        assertThat(left).containsExactly(new AgentDelta(RUN, 5, Agent.EXECUTOR, 5, ", you"));
        assertThat(judged).isEmpty();
    }

    @Test
    void whatFillsAPieceLeavesAtOnce() throws Exception {
        var answer = answer(null, LiveAnswerTest::passes);

        on(answer, live -> live.accept("x".repeat(2_500)));

        assertThat(left).extracting(AgentDelta::offset).startsWith(0, 1_024);
        assertThat(next().text()).hasSize(1_024);
        assertThat(next().text()).hasSize(1_024);
        assertThat(next()).isEqualTo(new AgentDelta(RUN, 5, Agent.EXECUTOR, 2_048, "x".repeat(452)));
    }

    @Test
    void withAWindowTheEndWaitsForTheWholeAnswer() throws Exception {
        var answer = answer(new StreamWindow(64), LiveAnswerTest::passes);
        on(answer, live -> live.accept(LONG));
        assertThat(next().text()).isEqualTo(LONG.substring(0, 136));

        on(answer, LiveAnswer::written);
        assertThat(left).isEmpty();

        on(answer, LiveAnswer::passed);
        assertThat(left).containsExactly(new AgentDelta(RUN, 5, Agent.EXECUTOR, 136, LONG.substring(136)));
        assertThat(judged).containsExactly(LONG);
    }

    @Test
    void onePartIsJudgedAtATimeAndTheTextGathersMeanwhile() throws Exception {
        var verdict = new LinkedBlockingQueue<Promise<Boolean>>();
        var answer = answer(new StreamWindow(64), part -> {
            var promise = Promise.<Boolean>promise();
            verdict.add(promise);
            return promise.future();
        });

        on(answer, live -> {
            live.accept(LONG);
            live.accept(LONG);
        });
        assertThat(judged).containsExactly(LONG);
        on(answer, live -> verdict.remove().complete(true));

        assertThat(judged).hasSize(2).last().isEqualTo((LONG + LONG).substring(136 - 64));
        on(answer, live -> verdict.remove().complete(true));
        on(answer, LiveAnswer::passed);
        assertThat(text()).isEqualTo(LONG + LONG);
    }

    /** Where a part ends looks to a rail like the end of the text: the whole answer may pass all the same. */
    @Test
    void afterAPartThatDidNotPassTextWaitsForTheWholeAnswer() throws Exception {
        for (var verdict : List.of(Future.succeededFuture(false), Future.<Boolean>failedFuture("no verdict"))) {
            judged.clear();
            left.clear();
            var answer = answer(new StreamWindow(64), part -> verdict);

            on(answer, live -> {
                live.accept(LONG);
                live.accept(LONG);
                live.written();
            });
            assertThat(left).isEmpty();
            assertThat(judged).hasSize(1);

            on(answer, LiveAnswer::passed);
            assertThat(text()).isEqualTo(LONG + LONG);
        }
    }

    @Test
    void afterTheEndNothingLeaves() throws Exception {
        on(answer(null, LiveAnswerTest::passes), live -> {
            live.accept("x".repeat(900));
            live.end();
            live.accept("x".repeat(900));
            live.written();
        });
        var verdict = Promise.<Boolean>promise();
        on(answer(new StreamWindow(64), part -> verdict.future()), live -> {
            live.accept("x".repeat(2_000));
            live.end();
            live.passed();
            verdict.complete(true);
        });

        assertThat(left).isEmpty();
    }

    @Test
    void aRailThatIsMuchSlowerThanTheModelEndsIt() throws Exception {
        var answer =
                answer(new StreamWindow(64), part -> Promise.<Boolean>promise().future());

        on(answer, live -> {
            live.accept("x".repeat(65_000));
            live.accept("x".repeat(1_000));
            live.written();
            live.passed();
        });

        assertThat(left).isEmpty();
        assertThat(judged).hasSize(1);
    }
}

package io.taskpilot.engine;

import static io.taskpilot.engine.Listening.nextOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.Agent;
import io.taskpilot.run.Ids;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What nodes hear of each other, whatever carries it. */
public abstract class SignalsContract {
    protected Listening one;
    protected Listening two;

    /** Another node on the same store. */
    protected abstract Listening node();

    @BeforeEach
    void startNodes() {
        one = node().standing(true);
        two = node().standing(true);
    }

    @AfterEach
    protected void stopNodes() {
        one.close();
        two.close();
    }

    protected static UUID run() {
        return Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
    }

    @Test
    void aChangeIsHeardByThoseWhoWatchTheRun() {
        var watched = run();
        two.watch(watched);

        one.signals.changed(List.of(run(), watched, run()));

        assertThat(two.nextChange()).isEqualTo(watched);
        assertThat(one.changeHeard()).isNull();
    }

    @Test
    void ownListenersAreToldAtOnceAndOnce() {
        var run = run();
        one.watch(run);
        two.watch(run);

        one.signals.changed(List.of(run));

        assertThat(one.nextChange()).isEqualTo(run);
        assertThat(two.nextChange()).isEqualTo(run); // by then the echo has come back, too
        two.signals.changed(List.of(run));
        assertThat(one.nextChange()).isEqualTo(run);
        assertThat(one.changeHeard()).isNull();
    }

    /** A text of a run that goes on after event 3. */
    protected static AgentDelta text(UUID run, int offset, String text) {
        return new AgentDelta(run, 3, Agent.EXECUTOR, offset, text);
    }

    @Test
    void readersOfTheSameNodeHearTextAtOnceAndOnce() {
        var run = run();
        var news = one.follow(run);
        var first = text(run, 0, "Grüße 🚀\n");
        var second = text(run, 9, "and more");

        one.signals.said(first);
        one.signals.said(text(run(), 0, "of another run"));
        one.signals.said(second);
        one.signals.changed(List.of(run));

        assertThat(List.of(nextOf(news), nextOf(news), nextOf(news))).containsExactly(first, second, run);
        two.signals.changed(List.of(run));
        assertThat(nextOf(news)).isEqualTo(run); // by then the echo of the text has come back, too
    }

    @Test
    void moreIdsThanOneMessageHoldsAllArrive() {
        var runs = new ArrayList<UUID>();
        for (var i = 0; i < 1_500; i++) {
            runs.add(run());
            two.watch(runs.get(i));
        }

        one.signals.changed(runs);

        var heard = new HashSet<UUID>();
        while (heard.size() < runs.size()) {
            heard.add(two.nextChange());
        }
        assertThat(heard).containsExactlyInAnyOrderElementsOf(runs);
    }

    @Test
    void cancelsAndRunsToClaimReachEveryNode() {
        var run = run();
        one.forget();
        two.forget();

        one.signals.cancelRequested(run);
        assertThat(two.nextCancel()).isEqualTo(run);
        assertThat(one.nextCancel()).isEqualTo(run);

        two.signals.claimable();
        one.nextClaimable();
    }

    @Test
    void aChannelThatNobodyWatchedForAWhileIsHeardAgainWhenSomebodyDoes() {
        var run = run();
        two.watch(run).run();
        var posted = two.metric("taskpilot_signals_posted_total");
        two.signals.claimable();
        one.nextClaimable();
        assertThat(two.metric("taskpilot_signals_posted_total")).isGreaterThanOrEqualTo(posted);

        for (var i = 0; i < 20; i++) {
            var close = two.watch(run);
            one.signals.changed(List.of(run));
            assertThat(two.nextChange()).isEqualTo(run);
            close.run();
            close.run(); // idempotent
        }
    }
}

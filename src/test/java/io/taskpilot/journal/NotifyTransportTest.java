package io.taskpilot.journal;

import static io.taskpilot.engine.Listening.nextOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Listening;
import io.taskpilot.engine.SignalsContract;
import java.util.List;
import org.junit.jupiter.api.Test;

class NotifyTransportTest extends SignalsContract {
    private static final PostgresAddress ADDRESS = TestPostgres.database();

    @Override
    protected Listening node() {
        return new Listening(vertx -> new NotifyTransport(vertx, ADDRESS));
    }

    /** Cuts what listens, as a fail-over or a proxy would. */
    private static void cut() {
        TestPostgres.execute(ADDRESS, """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """);
    }

    @Test
    void afterTheConnectionWasCutEverybodyLooksOnceAndThenHearsAgain() {
        var run = run();
        two.watch(run);
        two.forget();
        one.forget();

        cut();

        two.nextMissed();
        two.nextClaimable();
        one.nextMissed();
        one.signals.changed(List.of(run));
        assertThat(two.nextChange()).isEqualTo(run);
        assertThat(two.metric("taskpilot_signals_reopened_total")).isPositive();
    }

    @Test
    void aSilentConnectionIsReplaced() {
        try (var wire = new UnreliableWire(ADDRESS);
                var three = Listening.inProduction(vertx -> new NotifyTransport(vertx, wire.address()))) {
            three.standing(true);
            var run = run();
            three.watch(run);

            wire.breakAt("claimable", UnreliableWire.Break.SILENCE);
            three.signals.claimable();

            three.standing(false).standing(true);
            one.signals.changed(List.of(run));
            assertThat(three.nextChange()).isEqualTo(run);
        }
    }

    @Test
    void aDatabaseThatIsNotThereKeepsNobodyWaiting() {
        try (var wire = new UnreliableWire(ADDRESS)) {
            wire.down();
            try (var three = Listening.inProduction(vertx -> new NotifyTransport(vertx, wire.address()))) {
                var run = run();
                three.watch(run);
                three.standing(false);

                wire.up();

                three.standing(true);
                one.signals.changed(List.of(run));
                assertThat(three.nextChange()).isEqualTo(run);
            }
        }
    }

    @Test
    void textStaysOnItsNode() {
        var run = run();
        var here = one.follow(run);
        var there = two.follow(run);
        var said = text(run, 0, "Hello");

        one.signals.said(said);
        one.signals.changed(List.of(run));

        assertThat(List.of(nextOf(here), nextOf(here))).containsExactly(said, run);
        assertThat(nextOf(there)).isEqualTo(run);
    }
}

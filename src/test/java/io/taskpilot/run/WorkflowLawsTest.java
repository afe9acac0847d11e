package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.CallState.Stage;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import org.jspecify.annotations.Nullable;

/** Twelve thousand runs through simulated worlds, with owners that die and clients that cancel; each must obey the laws. */
class WorkflowLawsTest {
    /** What may happen between two appends, rarely. */
    private static final List<String> TROUBLE = List.of(
            "node_dead",
            "node_dead",
            "node_dead",
            "node_dead",
            "released",
            "restored",
            "restored",
            "CANCELLED",
            "TIMED_OUT",
            "FAILED");

    @Provide
    Arbitrary<World> worlds() {
        return Arbitraries.integers()
                .between(0, 10_000)
                .array(int[].class)
                .ofSize(32)
                .map(World::new);
    }

    @Property(tries = 12_000)
    @StatisticsReport(StatisticsReport.StatisticsReportMode.OFF)
    void everyHistoryObeysTheLaws(@ForAll("worlds") World world) {
        var run = Simulation.of(world, (boundary, state) -> troubleAt(world, boundary));

        Laws.hold(run);

        collect(run);
    }

    private static @Nullable String troubleAt(World world, int boundary) {
        var said = world.rarely("trouble " + boundary, 40, "none", TROUBLE.toArray(String[]::new));
        return said.equals("none") ? null : said;
    }

    /** A generator that never gets anywhere would find every law obeyed. */
    private static void collect(Simulation run) {
        Statistics.label("status").collect(run.run().status()).coverage(reached -> {
            for (var status : RunStatus.values()) {
                if (status.isTerminal() || status == RunStatus.AWAITING_APPROVAL) {
                    reached.check(status).count(count -> count > 50);
                }
            }
        });
        seen("taken over", run.run().attempt() > 1, 500);
        seen("three calls", run.run().calls().size() >= 3, 500);
        seen("retried", isAnswered(run, ApprovalAnswer.RETRY), 50);
        seen("edited", isAnswered(run, ApprovalAnswer.EDIT), 50);
        seen("continued after a restore", isAnswered(run, ApprovalAnswer.CONTINUE), 50);
        seen("done by hand", isAnswered(run, ApprovalAnswer.MARK_DONE), 20);
        seen("unsettled", isUnsettled(run), 100);
        seen(
                "told",
                run.run().calls().values().stream().anyMatch(call -> call.stage() == Stage.REFUSED)
                        && run.run().status() == RunStatus.SUCCEEDED,
                50);
    }

    private static void seen(String what, boolean now, int atLeast) {
        Statistics.label(what).collect(now).coverage(seen -> seen.check(true).count(count -> count >= atLeast));
    }

    private static boolean isUnsettled(Simulation run) {
        var end = run.run().ended();
        return end != null && !end.unsettled().isEmpty();
    }

    private static boolean isAnswered(Simulation run, ApprovalAnswer answer) {
        return run.history().stream()
                .anyMatch(recorded ->
                        recorded.event() instanceof RunEvent.ApprovalDecided decided && decided.answer() == answer);
    }

    /**
     * Wherever a run is stopped and taken over, it continues as if nothing had been, but for what a dead owner leaves
     * unknown. The world is the same, except that there such a call had come back unknown.
     */
    @Property(tries = 2_000)
    void takenOverAnywhereARunBecomesWhatItCouldHaveBeen(@ForAll("worlds") World anyWorld) {
        var world = anyWorld.but("policy changes", "no");
        var whole = Simulation.of(world, Simulation.NONE);
        for (var boundary = 1; boundary < whole.appends().size(); boundary++) {
            var taken = Simulation.takeOver(world, whole, boundary);
            Laws.hold(taken);
            var state = Simulation.stateAfter(whole, boundary);
            var couldHaveBeen = Simulation.of(unknownWhereInDoubt(world, state), Simulation.NONE);
            if (isOrderGiven(state)) {
                assertThat(Likeness.of(taken.history())).isEqualTo(Likeness.of(couldHaveBeen.history()));
            } else if (taken.run().status() == couldHaveBeen.run().status()
                    && taken.run().status() == RunStatus.SUCCEEDED) {
                for (var call : state.calls().keySet()) {
                    assertThat(Likeness.of(taken.history(), call))
                            .isEqualTo(Likeness.of(couldHaveBeen.history(), call));
                }
            }
        }
    }

    private static World unknownWhereInDoubt(World world, RunState state) {
        var other = world;
        for (var call : state.calls().values()) {
            var started = call.started();
            if (call.stage() == Stage.STARTED && started != null && started.external() && !started.repeatable()) {
                other = other.but(World.outcomeOf(call), "unknown");
            }
        }
        return other;
    }

    /** With several calls under way at once, a new owner may settle them in another order. */
    private static boolean isOrderGiven(RunState state) {
        var started = state.calls().values().stream()
                .filter(call -> call.stage() == Stage.STARTED)
                .count();
        var returned = state.calls().values().stream().anyMatch(call -> call.stage() == Stage.RETURNED);
        return started == 0 || (started == 1 && !returned);
    }
}

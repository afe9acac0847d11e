package io.taskpilot.run;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Drives one run through a world, append by append, as a driver would; owners may die and clients may cancel on the way. */
final class Simulation {
    /** Far above what the longest legal run needs: beyond it is a live-lock. */
    private static final int MOST_APPENDS = 600;

    private static final Instant START = Instant.parse("2026-11-23T08:00:00Z");

    /** What comes from outside at a boundary between appends; nothing by default. */
    interface Disturbance {
        /** A stop, or the cause of a {@code run.resumed}, or null. */
        @Nullable
        String at(int boundary, RunState run);
    }

    static final Disturbance NONE = (boundary, run) -> null;

    private final World world;
    private final Workflow workflow;
    private final Disturbance disturbance;
    private final List<List<Recorded>> appends = new ArrayList<>();
    private Instant now = START;
    private RunState run = RunState.empty();

    private Simulation(World world, Disturbance disturbance) {
        this.world = world;
        this.workflow = new Workflow(world.settings());
        this.disturbance = disturbance;
    }

    static Simulation of(World world, Disturbance disturbance) {
        var simulation = new Simulation(world, disturbance);
        simulation.append(List.of(new RunEvent.Accepted(world.request())));
        simulation.drive();
        return simulation;
    }

    /** Another owner takes over after the first {@code boundary} appends of {@code before}. */
    static Simulation takeOver(World world, Simulation before, int boundary) {
        var simulation = new Simulation(world, NONE);
        simulation.appends.addAll(before.appends.subList(0, boundary));
        simulation.now = before.appends.get(boundary - 1).get(0).at();
        simulation.disturb("node_dead");
        simulation.drive();
        return simulation;
    }

    static RunState stateAfter(Simulation whole, int boundary) {
        return RunState.of(whole.appends.subList(0, boundary).stream()
                .flatMap(List::stream)
                .toList());
    }

    List<List<Recorded>> appends() {
        return appends;
    }

    List<Recorded> history() {
        return appends.stream().flatMap(List::stream).toList();
    }

    RunState run() {
        return run;
    }

    WorkflowSettings settings() {
        return world.settings();
    }

    private void drive() {
        while (true) {
            if (appends.size() > MOST_APPENDS) {
                throw new AssertionError("no end in sight after " + EventCodec.type(last()));
            }
            var disturbed = disturbance.at(appends.size(), run);
            if (disturbed != null && !run.status().isTerminal()) {
                disturb(disturbed);
            }
            var step = workflow.next(run);
            if (step instanceof Step.Done || (step instanceof Step.Park && !answer())) {
                return;
            }
            perform(step);
        }
    }

    private RunEvent last() {
        var append = appends.get(appends.size() - 1);
        return append.get(append.size() - 1).event();
    }

    private void disturb(String what) {
        switch (what) {
            case "node_dead", "released" -> {
                run = RunState.of(history());
                if (run.status() == RunStatus.RUNNING) {
                    append(List.of(new RunEvent.Resumed(what)));
                }
            }
            case RunEvent.Resumed.RESTORED -> append(List.of(new RunEvent.Resumed(what)));
            default ->
                append(workflow.stop(run, RunStatus.valueOf(what), new Problem("caller-cancelled", "from outside")));
        }
    }

    private boolean answer() {
        var asked = run.asked();
        if (asked == null) {
            throw new AssertionError("parked without a question");
        }
        var answer = world.answer(run, asked);
        if (answer == null) {
            return false;
        }
        now = answer.answer() == ApprovalAnswer.EXPIRED ? asked.expiresAt() : now.plus(Duration.ofMinutes(7));
        append(List.of(answer));
        append(List.of(new RunEvent.Resumed("answered")));
        return true;
    }

    private void perform(Step step) {
        if (step instanceof Step.Append append) {
            await(append.notBefore());
            append(append.events());
        } else if (step instanceof Step.CheckText check) {
            var question = check.callId() == null ? "request" : check.callId();
            var checked = world.check(check.phase(), null, check.callId(), check.phase() + " " + question);
            var ofArguments = check.callId() != null && check.phase() != RailPhase.TOOL_RESULT;
            append(List.of(ofArguments ? unlessModified(checked) : checked));
        } else if (step instanceof Step.AskAgent ask) {
            append(world.ask(run, ask.agent(), ask.turn()));
        } else if (step instanceof Step.Decide decide) {
            await(decide.notBefore());
            var rulings = decide.calls().stream()
                    .map(call -> world.rule(run, call, now))
                    .toList();
            append(workflow.decided(run, rulings));
        } else if (step instanceof Step.RunTools tools) {
            append(world.run(run, tools.calls()));
        }
    }

    /** What a person edited runs as it was written, or not at all. */
    private static RunEvent unlessModified(RunEvent.GuardrailChecked checked) {
        return checked.result() != DecisionResult.MODIFIED
                ? checked
                : new RunEvent.GuardrailChecked(
                        checked.phase(),
                        DecisionResult.DENY,
                        checked.rail(),
                        checked.reason(),
                        null,
                        checked.callId(),
                        null,
                        false,
                        checked.inputSha256(),
                        checked.latencyMs());
    }

    private void await(Instant notBefore) {
        now = notBefore.isAfter(now) ? notBefore : now;
    }

    private void append(List<RunEvent> events) {
        if (events.isEmpty()) {
            throw new AssertionError("a step without an event");
        }
        now = now.plusSeconds(1);
        var append = new ArrayList<Recorded>();
        for (var event : events) {
            var recorded = new Recorded(run.lastSeq() + 1, now, event);
            run = run.apply(recorded);
            append.add(recorded);
        }
        appends.add(append);
    }
}

package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** What runs, their agents and their tools do, and what becomes of runs whose node is lost. Thread-safe. */
public final class WorkflowMetrics {
    private final Meters meters;
    private final GenAiMetrics genAi;
    private final Family<Counter> started;
    private final Family<Counter> completed;
    private final Family<Timer> duration;
    private final Family<Timer> agents;
    private final Family<Counter> toolCalls;
    private final Family<Timer> tools;
    private final Family<Counter> takeovers;
    private final Family<Counter> fenceLost;
    private final Family<Counter> poisoned;
    private final Family<Counter> handedBack;
    private final AtomicInteger stuck = new AtomicInteger();

    WorkflowMetrics(Meters meters, GenAiMetrics genAi) {
        this.meters = meters;
        this.genAi = genAi;
        started = meters.counter(Metric.WORKFLOW_STARTED);
        completed = meters.counter(Metric.WORKFLOW_COMPLETED);
        duration = meters.timer(Metric.WORKFLOW_DURATION);
        agents = meters.timer(Metric.AGENT_DURATION);
        toolCalls = meters.counter(Metric.TOOL_CALLS);
        tools = meters.timer(Metric.TOOL_DURATION);
        takeovers = meters.counter(Metric.TAKEOVERS);
        fenceLost = meters.counter(Metric.FENCE_LOST);
        poisoned = meters.counter(Metric.RUNS_POISONED);
        handedBack = meters.counter(Metric.RUNS_HANDED_BACK);
        meters.gauge(Metric.RUNS_STUCK, stuck::get);
    }

    public void started(String workflow) {
        started.of(workflow).increment();
    }

    /**
     * @param outcome the terminal status
     * @param took accepted to terminal, without the time parked in approvals
     */
    public void completed(String workflow, String outcome, Duration took) {
        completed.of(workflow, outcome).increment();
        duration.of(workflow, outcome).record(took);
        genAi.workflow(workflow, outcome, took);
    }

    /** @param active runs this node drives, read at every scrape */
    public void active(String workflow, Supplier<Number> active) {
        meters.gauge(Metric.WORKFLOW_ACTIVE, active, workflow);
    }

    /** @param outcome {@code success} or {@code error} */
    public void agent(String agent, String outcome, Duration took) {
        agents.of(agent, outcome).record(took);
        genAi.agent(agent, outcome, took);
    }

    /** What became of a call, also of one that never began or that nobody saw end. */
    public void toolSettled(String tool, String outcome) {
        toolCalls.of(tool, outcome).increment();
    }

    /** @param outcome executed, error or timeout */
    public void toolCalled(String tool, String outcome, Duration took) {
        toolSettled(tool, outcome);
        toolTook(tool, outcome, took);
    }

    /** The time of a call that is counted elsewhere. */
    public void toolTook(String tool, String outcome, Duration took) {
        tools.of(tool, outcome).record(took);
        genAi.tool(tool, outcome, took);
    }

    /** @param reason {@code node_dead} or {@code released} */
    public void takenOver(String reason) {
        takeovers.of(reason).increment();
    }

    /** An append was refused, as the run is another owner's. */
    public void fenceLost() {
        fenceLost.of().increment();
    }

    /** A run was given up, as nodes died of it. */
    public void poisoned() {
        poisoned.of().increment();
    }

    /** @param runs of this node in the database that nothing in it has seen to, for two looks at least */
    public void stuck(int runs) {
        stuck.set(runs);
    }

    /** A run was stuck for so long that it was given back, for any node to continue. */
    public void handedBack() {
        handedBack.of().increment();
    }
}

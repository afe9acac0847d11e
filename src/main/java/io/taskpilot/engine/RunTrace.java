package io.taskpilot.engine;

import io.taskpilot.engine.Stretch.Invocation;
import io.taskpilot.run.Agent;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.telemetry.LogScope;
import io.taskpilot.telemetry.OpenSpan;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The spans of one run, as its driver makes them: one {@code invoke_workflow} for the run, under it an {@code
 * invoke_agent} for each agent at work.
 *
 * <p>A run outlives processes, and a span must be ended by the one that exports it. So the ids of these spans follow from
 * the run's, and the journal tells who exports which: the workflow's is made by whoever commits the terminal event; an
 * agent's ends with the driver that leaves, and the next driver begins another, linked to it. What a dead node had open
 * is made by the node that takes over, as far as the journal goes. Belongs to the driver's context.
 */
final class RunTrace {
    private static final Logger log = LoggerFactory.getLogger(RunTrace.class);
    private static final String DEAD = "node_dead";
    private static final String ANSWERED = "answered";

    private final RunRequest request;
    private final Trace root;
    private final int stretch;
    private final Map<Agent, OpenSpan> agents = new EnumMap<>(Agent.class);
    private @Nullable OpenSpan plan;
    private Trace here;
    private List<Trace> before = List.of();

    private RunTrace(RunRequest request, Trace submitted, int stretch) {
        this.request = request;
        this.stretch = stretch;
        root = RunSpans.place(request, submitted);
        here = root;
    }

    /** Of the driver that the run begins with, on the node that accepted it. */
    static RunTrace begin(Trace any, RunRequest request) {
        return new RunTrace(request, any.of(request.traceparent()), 1);
    }

    /**
     * Of a driver on a run that waited, for a node or for a person.
     *
     * @param cause as {@code Journal.Claim} has it
     */
    static RunTrace goOn(Trace any, RunRequest request, List<Recorded> history, String cause, Lease lease) {
        var submitted = any.of(request.traceparent());
        var past = Stretch.of(history);
        var isNew = cause.equals("new");
        var trace = new RunTrace(request, submitted, isNew ? past.number() : past.number() + 1);
        if (cause.equals(DEAD) && past.open() != null) {
            trace.close(past.open(), past, lease);
        }
        trace.before = trace.links(submitted, past, cause, any);
        if (past.open() != null && !isNew) {
            trace.open(past.open(), cause);
        }
        return trace;
    }

    /** What an invocation goes on from: the one before the wait, or the request itself, and the answer waited for. */
    private List<Trace> links(Trace submitted, Stretch past, String cause, Trace any) {
        var links = new ArrayList<Trace>();
        var last = past.open() == null ? past.last() : new Invocation(past.open(), past.number());
        links.add(last == null ? submitted : root.within(RunSpans.id(request.runId(), last), request.requestId()));
        if (cause.equals(ANSWERED)) {
            links.add(any.of(past.answered()));
        }
        return links;
    }

    /** Where the next span begins: under the agent at work, else under the workflow. */
    Trace here() {
        return here;
    }

    /** Has every line and exemplar of the driver's context tell of the run. */
    void attach() {
        root.attach();
        LogScope.add(Map.of(
                LogScope.REQUEST_ID, request.requestId(),
                LogScope.RUN_ID, "run_" + request.runId(),
                LogScope.USER_ID, LogScope.user(request.principal())));
    }

    /** To be told of each event before it is committed. */
    void took(RunEvent event) {
        if (event instanceof RunEvent.AgentStarted started && !agents.containsKey(started.agent())) {
            open(started.agent(), "");
        }
    }

    /**
     * To be told of each event once it is.
     *
     * @param before the run's state before it
     */
    void committed(RunState before, RunEvent event, Instant at) {
        if (event instanceof RunEvent.Ended ended) {
            tell(ended, Duration.between(before.acceptedAt(), at).minus(before.parked()));
        }
        for (var agent : List.copyOf(agents.keySet())) {
            if (Stretch.ends(event, agent)) {
                end(agent, event instanceof RunEvent.Ended ended ? ended : null);
            }
        }
    }

    /**
     * The driver leaves, and the run goes on some time.
     *
     * @param how as in {@code awaiting_approval}
     */
    void suspended(String how) {
        for (var agent : List.copyOf(agents.keySet())) {
            var span = agents.get(agent);
            if (span != null) {
                span.set(Spans.SUSPENDED, how);
            }
            end(agent, null);
        }
    }

    private static void tell(RunEvent.Ended ended, Duration took) {
        var slug = ended.problem() == null ? "none" : ended.problem().slug();
        log.atInfo()
                .addKeyValue("event.duration", took.toNanos())
                .addKeyValue("labels.status", ended.status().word())
                .log("run ended status={} problem={}", ended.status().word(), slug);
    }

    private void open(Agent agent, String resumed) {
        var now = Instant.now();
        var links = before;
        before = List.of();
        var parent = root;
        if (agent == Agent.PLANNER) {
            plan = root.begin(Spans.plan(agent.title()), RunSpans.id(request.runId(), "plan " + stretch), links, now);
            parent = plan.here();
        }
        var span = parent.begin(
                Spans.agent(agent.title()), RunSpans.id(request.runId(), new Invocation(agent, stretch)), links, now);
        span.set(Spans.RESUMED, resumed);
        agents.put(agent, span);
        here = span.here();
    }

    private void end(Agent agent, RunEvent.@Nullable Ended ended) {
        var span = agents.remove(agent);
        if (span == null) {
            return;
        }
        finish(span, ended);
        if (agent == Agent.PLANNER && plan != null) {
            finish(plan, ended);
            plan = null;
        }
        here = agents.isEmpty() ? root : here;
    }

    private static void finish(OpenSpan span, RunEvent.@Nullable Ended ended) {
        var failure = ended == null ? "" : RunSpans.failure(ended);
        if (!failure.isEmpty()) {
            span.failed(failure);
        }
        span.end();
    }

    /** What a dead driver left open: from where it began to its last sign of life. */
    private void close(Agent agent, Stretch past, Lease lease) {
        var from = lease.here(past.since());
        var until = lease.here(past.at());
        var parent = root;
        if (agent == Agent.PLANNER) {
            var span = root.begin(
                    Spans.plan(agent.title()), RunSpans.id(request.runId(), "plan " + past.number()), List.of(), from);
            parent = span.here();
            span.failed(DEAD).end(until);
        }
        parent.begin(
                        Spans.agent(agent.title()),
                        RunSpans.id(request.runId(), new Invocation(agent, past.number())),
                        List.of(),
                        from)
                .failed(DEAD)
                .end(until);
    }
}

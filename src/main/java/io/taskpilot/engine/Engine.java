package io.taskpilot.engine;

import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Violation;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Problem;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.EventLoops;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The engine, put together from its ports: accepts runs, has them driven, takes people's answers. */
public final class Engine implements Runs {
    private final Vertx vertx;
    private final Journal journal;
    private final RunReader reader;
    private final Signals signals;
    private final SlowPoll poll;
    private final Lease lease;
    private final Workflow workflow;
    private final Dispatcher dispatcher;
    private final Drivers drivers;
    private final Admission admission;
    private final Strays strays;
    private final EngineSettings settings;
    private final RunMetrics metrics;
    private final EventLoops eventLoops;
    private final Trace trace;
    private @Nullable String keeperId;

    /**
     * @param argumentCheck makes, from a tool's JSON Schema, a function that lists what is wrong with arguments
     * @param trace where no run's trace has begun yet
     */
    public Engine(
            Vertx vertx,
            EngineSettings settings,
            Journal journal,
            RunReader reader,
            Signals signals,
            Lease lease,
            Agents agents,
            Guardrails guardrails,
            PolicyEngine policy,
            List<Tool> tools,
            Function<Map<String, Object>, Function<Map<String, Object>, List<Violation>>> argumentCheck,
            Metrics telemetry,
            Trace trace) {
        this.vertx = vertx;
        this.settings = settings;
        this.journal = journal;
        this.reader = reader;
        this.signals = signals;
        this.poll = new SlowPoll(vertx, reader, signals);
        this.lease = lease;
        metrics = new RunMetrics(telemetry);
        eventLoops = telemetry.loops();
        workflow = new Workflow(settings.workflow());
        var patience = new Patience(vertx);
        var rails = new RailGate(guardrails, settings, patience, metrics);
        dispatcher = new Dispatcher(vertx, tools, argumentCheck, policy, settings, lease, patience, metrics);
        var live = new LiveAnswers(vertx, rails, settings.streaming(), signals::said);
        var performer = new StepPerformer(workflow, agents, rails, dispatcher, settings, metrics, live);
        this.trace = trace;
        var with = new Collaborators(vertx, workflow, performer, journal, lease, metrics, trace);
        drivers = new Drivers(with, settings.runs(), signals::claimable);
        admission = new Admission(vertx, journal, metrics, settings.queue());
        strays = new Strays(journal, drivers, metrics);
        telemetry.workflows().active(Workflow.NAME, drivers::inFlight);
        telemetry.admission().driven(drivers::inFlight, settings.runs());
        telemetry.admission().queue(admission::depth, settings.queue());
    }

    /**
     * Completes once this node may accept runs.
     *
     * @param loops agent event loops, if this node drives runs
     * @param sole no other server can be there, so what an earlier one left is taken at once
     */
    public Future<Void> start(int loops, boolean sole) {
        return settings.runs() == 0
                ? admission.start()
                : vertx.deployVerticle(
                                () -> new AgentVerticle(drivers, eventLoops),
                                new DeploymentOptions().setInstances(loops))
                        .compose(unused -> admission.start())
                        .compose(unused -> vertx.deployVerticle(
                                new Keeper(journal, signals, drivers, admission, workflow, lease, strays, trace, sole)))
                        .onSuccess(id -> keeperId = id)
                        .mapEmpty();
    }

    /**
     * Takes no run any more and gives every run back at once, so that others continue them; one with a started tool call
     * follows when the call has ended. Runs are still accepted, for others to drive. Completes when none is left, or
     * after {@code grace}, when what is left is dropped: a later owner finds its started calls in doubt.
     */
    public Future<Void> drain(Duration grace) {
        return drivers.releaseAll(grace);
    }

    /** Ends the grace of a drain now. */
    public void hurry() {
        drivers.hurry();
    }

    /** Leaves the node table, after {@link #drain}. */
    public Future<Void> stop() {
        admission.stop();
        return keeperId == null
                ? Future.succeededFuture()
                : vertx.undeploy(keeperId).compose(unused -> journal.deregister(lease.nodeId()));
    }

    @Override
    public Future<Submission> submit(RunRequest request, @Nullable IdempotencyKey key) {
        var runId = request.runId();
        if (admission.hasQueue() || !drivers.reserve(runId, Journal.FIRST_FENCE)) {
            return admission.queue(() -> journal.create(request, key, false)).map(created -> {
                signals.claimable();
                return submission(request, created);
            });
        }
        var owner = lease.nodeId();
        return journal.create(request, key, true)
                .onFailure(cause -> drivers.giveBack(runId, Journal.FIRST_FENCE))
                .map(created -> {
                    if (created.replayed()) {
                        drivers.giveBack(runId, Journal.FIRST_FENCE);
                    } else if (!owner.equals(lease.nodeId())) { // declared dead meanwhile: it was not this node's
                        drivers.giveBack(runId, Journal.FIRST_FENCE);
                        drivers.handBack(runId, created.fence());
                    } else {
                        var accepted = new Recorded(1, created.at(), new RunEvent.Accepted(request));
                        drivers.drive(
                                owner,
                                created.fence(),
                                RunState.of(List.of(accepted)),
                                RunTrace.begin(trace, request),
                                List.of());
                    }
                    return submission(request, created);
                });
    }

    private static Submission submission(RunRequest request, Journal.Creation created) {
        return new Submission(created.runId(), created.replayed() ? null : RunView.accepted(request, created.at()));
    }

    @Override
    public Future<RunStatus> cancel(UUID runId, String principal) {
        var how = "by " + principal;
        var problem = new Problem("caller-cancelled", "cancelled " + how);
        return journal.requestCancel(runId).compose(status -> {
            if (status.isTerminal()) {
                return Future.succeededFuture(status);
            }
            if (status != RunStatus.AWAITING_APPROVAL && drivers.cancel(runId, how)) {
                return Future.succeededFuture(status); // once parked, a driver that is still here ends without a look
            }
            signals.cancelRequested(runId);
            return journal.appendUnowned(runId, (run, now) -> cancelUnowned(run, problem))
                    .map(RunState::status)
                    .recover(cause -> cause instanceof Journal.LostRun // its owner has the request, or will
                            ? Future.succeededFuture(status)
                            : Future.failedFuture(cause));
        });
    }

    private List<RunEvent> cancelUnowned(RunState run, Problem problem) {
        return run.status().isTerminal() ? List.of() : workflow.stop(run, RunStatus.CANCELLED, problem);
    }

    @Override
    public Future<Void> answer(UUID approvalId, Answer answer) {
        return reader.approval(approvalId).compose(approval -> {
            if (approval.answered() != null) {
                return Future.failedFuture(settled(approval));
            }
            return journal.appendUnowned(approval.runId(), Approvals.answer(approvalId, answer, dispatcher::mistakes))
                    .onSuccess(unused -> {
                        metrics.answered(approval);
                        signals.claimable();
                    })
                    .<Void>mapEmpty()
                    .recover(cause -> cause instanceof Journal.LostRun // another answer came first, and the run goes on
                            ? reader.approval(approvalId).compose(now -> Future.failedFuture(settled(now)))
                            : Future.failedFuture(cause));
        });
    }

    private static Failure settled(ApprovalView approval) {
        var first = approval.answered();
        if (first == null) {
            return Approvals.alreadyAnswered("see the approval");
        }
        return first.answer() == ApprovalAnswer.EXPIRED
                ? Failure.of(Failure.Kind.GONE, "caller-approval-expired", "expired at " + first.at())
                : Approvals.alreadyAnswered(
                        "%s by %s at %s".formatted(first.answer().word(), first.by(), first.at()));
    }

    @Override
    public Future<RunWatch> watch(UUID runId, long after) {
        return RunWatch.open(vertx, reader, signals, poll, runId, after);
    }

    @Override
    public Future<RunWatch> watch(UUID runId, long after, Consumer<AgentDelta> live) {
        return settings.streaming().mode() == Streaming.StreamMode.BUFFER
                ? watch(runId, after) // then this node shows no text of another's either
                : RunWatch.open(vertx, reader, signals, poll, runId, after, live);
    }

    @Override
    public int inFlight(String principal) {
        return drivers.inFlight(principal);
    }

    /** Runs driven by this node now. */
    public int inFlight() {
        return drivers.inFlight();
    }
}

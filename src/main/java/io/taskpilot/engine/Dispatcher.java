package io.taskpilot.engine;

import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Violation;
import io.taskpilot.run.Agent;
import io.taskpilot.run.Attempt;
import io.taskpilot.run.CallState;
import io.taskpilot.run.CallState.Stage;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Ruling;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.OpenSpan;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The one way to a tool. It asks policy, and runs what the journal says has started; nobody else holds a {@link Tool}.
 */
public final class Dispatcher {
    /** A call must end by its deadline, and its deadline is never further away than this. */
    static final Duration LONGEST_CALL = Duration.ofSeconds(60);

    private static final String TOO_LATE = "caller-tool-timeout";
    private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);

    private final Vertx vertx;
    private final Map<String, Tool> tools;
    private final Map<String, Function<Map<String, Object>, List<Violation>>> checks;
    private final PolicyEngine policy;
    private final EngineSettings settings;
    private final Lease lease;
    private final Patience patience;
    private final RunMetrics metrics;

    /** @param argumentCheck makes, from a JSON Schema, a function that lists what is wrong with arguments */
    Dispatcher(
            Vertx vertx,
            List<Tool> tools,
            Function<Map<String, Object>, Function<Map<String, Object>, List<Violation>>> argumentCheck,
            PolicyEngine policy,
            EngineSettings settings,
            Lease lease,
            Patience patience,
            RunMetrics metrics) {
        this.vertx = vertx;
        this.tools = tools.stream().collect(Collectors.toMap(tool -> tool.spec().name(), tool -> tool));
        this.checks = tools.stream()
                .collect(Collectors.toMap(
                        tool -> tool.spec().name(),
                        tool -> argumentCheck.apply(tool.spec().parameters())));
        this.policy = policy;
        this.settings = settings;
        this.lease = lease;
        this.patience = patience;
        this.metrics = metrics;
    }

    /** The tools policy lets this run's executor be offered. Courtesy: every call is decided all the same. */
    Future<List<Tool.Spec>> offered(RunState run, CallContext call) {
        Map<String, Object> input = Map.of(
                "agent_type", Agent.EXECUTOR.title(),
                "principal", principal(run),
                "tenant", run.request().tenant(),
                "tools", List.copyOf(tools.keySet()),
                "environment", settings.environment());
        var began = System.nanoTime();
        return patiently(false, call, limited -> policy.offered(input, limited))
                .onComplete(
                        names -> metrics.evaluated(DecisionResult.ALLOW, millisSince(began)),
                        cause -> unanswered(call, began))
                .map(names -> names.stream()
                        .filter(tools::containsKey)
                        .distinct()
                        .map(name -> tool(name).spec())
                        .toList());
    }

    /** No row of the decision log has it, as there is no call yet that it is about; the run ends of it all the same. */
    private void unanswered(CallContext call, long began) {
        if (!call.isAborted()) {
            metrics.evaluated(DecisionResult.ERROR, millisSince(began));
        }
    }

    private static double millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1e6;
    }

    /** Policy's answer on each call, all asked at once; the lack of one is an answer too. Fails only when aborted. */
    Future<List<Ruling>> decide(RunState run, List<ToolCall> calls, CallContext call) {
        var rulings = calls.stream().map(asked -> decide(run, asked, call)).toList();
        return Future.all(rulings).map(all -> all.list());
    }

    private Future<Ruling> decide(RunState run, ToolCall asked, CallContext call) {
        var input = input(run, asked);
        var began = System.nanoTime();
        var state = run.calls().get(asked.id());
        var answered = state != null && state.answer() != null; // a person said yes: an outage must not undo that
        return patiently(answered, call, limited -> policy.decide(input, limited))
                .recover(cause ->
                        call.isAborted() ? Future.failedFuture(cause) : Future.succeededFuture(noVerdict(cause)))
                .map(verdict -> ruling(run, asked, verdict, input, millisSince(began)));
    }

    private Ruling ruling(RunState run, ToolCall asked, PolicyVerdict verdict, Map<String, Object> input, double ms) {
        metrics.evaluated(verdict.result(), ms);
        return new Ruling(asked, verdict, input, CanonicalJson.sha256(input), ms, start(run, asked));
    }

    private <T> Future<T> patiently(boolean always, CallContext call, Function<CallContext, Future<T>> question) {
        Supplier<Future<T>> ask = () -> call.within(settings.policyTimeout(), question);
        return always || settings.onPolicyError() == OnError.WAIT
                ? patience.insist(call, ask, nanos -> metrics.evaluated(DecisionResult.ERROR, nanos / 1e6))
                : ask.get();
    }

    private static PolicyVerdict noVerdict(Throwable cause) {
        return PolicyVerdict.error("policy-unavailable", Failure.from(cause).detail());
    }

    private RunEvent.ToolStarted start(RunState run, ToolCall call) {
        var tool = tools.get(call.tool());
        var timeout = tool == null ? DEFAULT_TIMEOUT : tool.spec().timeout();
        var bounded = timeout.compareTo(LONGEST_CALL) > 0 ? LONGEST_CALL : timeout;
        return new RunEvent.ToolStarted(
                call.id(),
                call.tool(),
                call.key(run.request().runId()),
                lease.now().plus(bounded),
                tool != null && tool.spec().external(),
                tool != null && tool.isRepeatable(call.arguments()));
    }

    /** What policy sees of a call: the document of {@code conf/policy}. */
    private Map<String, Object> input(RunState run, ToolCall call) {
        var tool = tools.get(call.tool());
        var state = run.calls().get(call.id());
        var input = new LinkedHashMap<String, Object>();
        input.put("tool_name", call.tool());
        input.put("agent_type", call.agent().title());
        input.put("parameters", call.arguments());
        input.put("run_id", "run_" + run.request().runId());
        input.put("request_id", run.request().requestId());
        input.put("tenant", run.request().tenant());
        input.put("principal", principal(run));
        input.put("tool", Map.of("idempotent", tool != null && tool.isRepeatable(call.arguments())));
        input.put("history", Map.of("tool_calls", count(run, true), "denied", count(run, false)));
        input.put("approval", state == null ? null : approval(run, state));
        input.put("environment", settings.environment());
        return input;
    }

    private static Map<String, Object> principal(RunState run) {
        return Map.of("id", run.request().principal(), "roles", run.request().roles());
    }

    private static long count(RunState run, boolean started) {
        return run.calls().values().stream()
                .filter(call -> started ? call.started() != null : call.stage() == Stage.REFUSED)
                .count();
    }

    private static @Nullable Map<String, Object> approval(RunState run, CallState state) {
        var answer = state.answer();
        return answer == null
                ? null
                : Map.of(
                        "digest", state.call().digest(run.request().runId()),
                        "by", answer.by(),
                        "roles", answer.roles());
    }

    /**
     * Runs a call whose start is committed, or says how far it got. Never fails: what breaks an external call leaves its
     * outcome unknown, what breaks another refuses it.
     */
    Future<RunEvent> run(RunState run, CallState state, CallContext call) {
        var asked = state.call();
        return call.under(Spans.tool(known(asked.tool()), asked.id()), (here, span) -> {
            if (here.trace().tellsContent()) {
                span.set(Spans.CALL_ARGUMENTS, CanonicalJson.of(asked.arguments()));
            }
            return perform(run, state, here).onSuccess(event -> tell(event, span, here.trace()));
        });
    }

    /** Names come from models: what is no tool of ours is no name of a span. */
    private String known(String tool) {
        return tools.containsKey(tool) ? tool : "unknown";
    }

    private static void tell(RunEvent event, OpenSpan span, Trace trace) {
        if (event instanceof RunEvent.ToolOutcomeUnknown) {
            span.failed("outcome_unknown");
        } else if (event instanceof RunEvent.ToolCompleted done) {
            if (done.error()) {
                span.failed("tool_error");
            }
            if (trace.tellsContent()) {
                span.set(Spans.CALL_RESULT, Workflow.text(done.result()));
            }
        }
    }

    private Future<RunEvent> perform(RunState run, CallState state, CallContext call) {
        var asked = state.call();
        var started = Objects.requireNonNull(state.started());
        var tool = tools.get(asked.tool());
        if (tool == null) {
            return Future.succeededFuture(notBegun(asked, "no such tool"));
        }
        var mistakes = mistakes(asked);
        if (!mistakes.isEmpty()) {
            var said = mistakes.stream().map(Violation::text).collect(Collectors.joining("; "));
            return Future.succeededFuture(notBegun(asked, "invalid arguments: " + said));
        }
        var left = Duration.between(lease.now(), started.deadline());
        if (left.toMillis() <= 0) {
            return Future.succeededFuture(notBegun(asked, "not begun before its deadline"));
        }
        var invocation = new Tool.Invocation(
                run.request().runId(),
                asked.id(),
                started.key(),
                run.request().tenant(),
                asked.arguments(),
                asked.tool().equals(Workflow.CREATE_TASK) && Workflow.isReviewed(run, asked) ? run.taskId() : null);
        var began = System.nanoTime();
        return call.within(left, limited -> {
            var ended = bounded(limited, left, tool, invocation);
            return ended.otherwise(cause -> broken(tool, Failure.from(cause)))
                    .map(outcome -> event(asked, outcome, limited.attempts()))
                    .onSuccess(event -> metrics.toolEnded(event, isLate(ended), began));
        });
    }

    private RunEvent notBegun(ToolCall asked, String reason) {
        metrics.toolRefused(asked.tool());
        return refused(asked, reason);
    }

    private static Tool.Outcome broken(Tool tool, Failure failure) {
        return tool.spec().external()
                ? new Tool.Outcome.Unknown(failure.detail())
                : new Tool.Outcome.Refused(failure.detail());
    }

    private static boolean isLate(Future<Tool.Outcome> ended) {
        return ended.failed() && Failure.from(ended.cause()).slug().equals(TOO_LATE);
    }

    /** Breaks the call off at its deadline, whatever the tool makes of that. */
    private Future<Tool.Outcome> bounded(CallContext call, Duration left, Tool tool, Tool.Invocation invocation) {
        var ended = Promise.<Tool.Outcome>promise();
        var timer = vertx.setTimer(left.toMillis(), unused -> {
            call.abort();
            ended.tryFail(Failure.of(Failure.Kind.TIMEOUT, TOO_LATE, "no answer by its deadline"));
        });
        Future.<Void>succeededFuture()
                .compose(unused -> tool.run(invocation, call))
                .onComplete(outcome -> ended.tryComplete(outcome), cause -> ended.tryFail(cause));
        return ended.future().onComplete(unused -> vertx.cancelTimer(timer));
    }

    /** What is wrong with a call's arguments by its tool's schema; nothing for a tool there is not. */
    List<Violation> mistakes(ToolCall call) {
        var check = checks.get(call.tool());
        return check == null ? List.of() : check.apply(call.arguments());
    }

    private static RunEvent event(ToolCall call, Tool.Outcome outcome, List<Attempt> attempts) {
        if (outcome instanceof Tool.Outcome.Returned returned) {
            return new RunEvent.ToolCompleted(
                    call.id(), call.tool(), false, returned.result(), returned.changes(), attempts);
        }
        if (outcome instanceof Tool.Outcome.Unknown unknown) {
            return new RunEvent.ToolOutcomeUnknown(call.id(), call.tool(), unknown.cause(), attempts);
        }
        var reason = ((Tool.Outcome.Refused) outcome).reason();
        return new RunEvent.ToolCompleted(call.id(), call.tool(), true, reason, List.of(), attempts);
    }

    static RunEvent refused(ToolCall call, String reason) {
        return new RunEvent.ToolCompleted(call.id(), call.tool(), true, reason, List.of());
    }

    private Tool tool(String name) {
        return Objects.requireNonNull(tools.get(name));
    }
}

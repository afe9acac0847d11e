package io.taskpilot.run;

import static net.jqwik.api.Combinators.combine;

import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/** Generated events of every type, and JSON values as the core knows them. */
public final class AnyEvent {
    private static final String TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private AnyEvent() {}

    public static Arbitrary<RunEvent> events() {
        return Arbitraries.oneOf(
                accepted(),
                Arbitraries.just(new RunEvent.Started()),
                Arbitraries.of("node_dead", "released", "answered").map(RunEvent.Resumed::new),
                checked(),
                combine(agents(), numbers()).as(RunEvent.AgentStarted::new),
                completed(),
                combine(ids(), tasks()).as(RunEvent.TaskProposed::new),
                Arbitraries.of(ReviewVerdict.class).map(RunEvent.ReviewCompleted::new),
                combine(calls(), verdicts(), objects(), texts(), latencies()).as(RunEvent.PolicyDecided::new),
                requested(),
                answered(),
                combine(texts(), texts(), texts(), instants(), flags(), flags()).as(RunEvent.ToolStarted::new),
                combine(
                                texts(),
                                texts(),
                                flags(),
                                json().injectNull(0.1),
                                changes().list().ofMaxSize(2),
                                attempts().list().ofMaxSize(3))
                        .as(RunEvent.ToolCompleted::new),
                combine(texts(), texts(), texts(), attempts().list().ofMaxSize(3))
                        .as(RunEvent.ToolOutcomeUnknown::new),
                ended());
    }

    private static Arbitrary<RunEvent> accepted() {
        var metadata = Arbitraries.maps(texts(), texts()).ofMaxSize(2);
        var who = combine(ids(), texts(), texts(), strings(), texts(), texts(), metadata);
        return who.as((id, tenant, principal, roles, request, input, data) -> new RunRequest(
                        id,
                        tenant,
                        principal,
                        roles,
                        request,
                        input,
                        data,
                        Duration.ofMinutes(5),
                        !roles.isEmpty(),
                        data.isEmpty() ? "" : TRACEPARENT))
                .map(RunEvent.Accepted::new);
    }

    private static Arbitrary<RunEvent> checked() {
        return combine(
                        Arbitraries.of(RailPhase.class),
                        Arbitraries.of(DecisionResult.class),
                        texts(),
                        agents().injectNull(0.3),
                        texts().injectNull(0.3),
                        texts().injectNull(0.3),
                        flags(),
                        latencies())
                .as((phase, result, text, agent, call, changed, waived, latency) -> new RunEvent.GuardrailChecked(
                        phase, result, text, text, agent, call, changed, waived, text, latency));
    }

    private static Arbitrary<RunEvent> completed() {
        var usage = combine(numbers(), numbers(), latencies()).as(Usage::new);
        return combine(agents(), numbers(), answers(), usage, texts(), texts()).as(RunEvent.AgentCompleted::new);
    }

    private static Arbitrary<AgentAnswer> answers() {
        return Arbitraries.oneOf(
                tasks().map(AgentAnswer.Proposal::new),
                combine(Arbitraries.of(ReviewVerdict.class), texts()).as(AgentAnswer.Review::new),
                combine(texts(), calls().list().ofMinSize(1).ofMaxSize(3)).as(AgentAnswer.Calls::new),
                texts().map(AgentAnswer.Text::new),
                combine(texts(), strings()).as(AgentAnswer.Invalid::new),
                texts().map(AgentAnswer.Withheld::new));
    }

    private static Arbitrary<RunEvent> requested() {
        return combine(ids(), Arbitraries.of(ApprovalKind.class), calls(), texts(), texts(), strings(), instants())
                .as((id, kind, call, digest, text, roles, at) ->
                        new RunEvent.ApprovalRequested(id, kind, call, digest, text, text, text, roles, at));
    }

    private static Arbitrary<RunEvent> answered() {
        return combine(
                        ids(),
                        Arbitraries.of(ApprovalAnswer.class),
                        texts(),
                        strings(),
                        texts(),
                        json().injectNull(0.3),
                        objects().injectNull(0.5),
                        Arbitraries.of("", TRACEPARENT))
                .as(RunEvent.ApprovalDecided::new);
    }

    private static Arbitrary<RunEvent> ended() {
        var output = combine(texts(), ids().list().ofMaxSize(2), strings()).as(RunOutput::new);
        var problem = combine(texts(), texts()).as(Problem::new);
        return combine(
                        Arbitraries.of(EnumSet.range(RunStatus.SUCCEEDED, RunStatus.CANCELLED)),
                        output.injectNull(0.5),
                        problem.injectNull(0.5),
                        strings())
                .as(RunEvent.Ended::new);
    }

    private static Arbitrary<PolicyVerdict> verdicts() {
        var candidates = combine(Arbitraries.of(DecisionResult.class), texts(), texts())
                .as(PolicyVerdict.Candidate::new)
                .injectNull(0.5);
        return combine(
                        Arbitraries.of(DecisionResult.class),
                        texts(),
                        strings(),
                        texts(),
                        strings(),
                        numbers(),
                        texts(),
                        candidates)
                .as((result, rule, reasons, revision, roles, seconds, id, candidate) -> new PolicyVerdict(
                        result, rule, reasons, revision, roles, Duration.ofSeconds(seconds), id, candidate));
    }

    private static Arbitrary<TaskChange> changes() {
        return combine(Arbitraries.of(TaskChange.Kind.class), ids(), numbers(), tasks().injectNull(0.3))
                .as(TaskChange::new);
    }

    private static Arbitrary<Attempt> attempts() {
        return combine(
                        instants(),
                        numbers(),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.integers().between(100, 599).injectNull(0.5),
                        Arbitraries.of(Attempt.Lack.class).injectNull(0.5))
                .as((at, ms, redirects, status, lack) -> new Attempt(at, ms, redirects, status, lack));
    }

    private static Arbitrary<ToolCall> calls() {
        return combine(texts(), agents(), texts(), objects()).as(ToolCall::new);
    }

    private static Arbitrary<TaskProposal> tasks() {
        return combine(texts(), Arbitraries.of("high", "medium", "low"), texts())
                .as(TaskProposal::new);
    }

    private static Arbitrary<Agent> agents() {
        return Arbitraries.of(Agent.class);
    }

    private static Arbitrary<UUID> ids() {
        return combine(Arbitraries.longs(), Arbitraries.longs()).as(UUID::new);
    }

    private static Arbitrary<Instant> instants() {
        return Arbitraries.longs()
                .between(0, 4_000_000_000_000_000L)
                .map(micros -> Instant.EPOCH.plusNanos(micros * 1_000));
    }

    private static Arbitrary<Boolean> flags() {
        return Arbitraries.of(true, false);
    }

    private static Arbitrary<Integer> numbers() {
        return Arbitraries.integers().between(0, 100_000);
    }

    private static Arbitrary<Double> latencies() {
        return Arbitraries.doubles().between(0, 10_000).ofScale(3);
    }

    private static Arbitrary<String> texts() {
        return Arbitraries.strings()
                .ascii()
                .withChars('"', '\\', '\n', 'é', '\u20ac')
                .ofMaxLength(8);
    }

    private static Arbitrary<List<String>> strings() {
        return texts().list().ofMaxSize(3);
    }

    private static Arbitrary<Map<String, Object>> objects() {
        return Arbitraries.maps(texts(), json()).ofMaxSize(3).map(LinkedHashMap::new);
    }

    /** A value that JSON has, but for null. */
    static Arbitrary<Object> json() {
        var leaf = Arbitraries.<Object>oneOf(
                texts(), flags(), numbers(), Arbitraries.longs().greaterOrEqual(1L << 40), fractions());
        return Arbitraries.recursive(() -> leaf, AnyEvent::nested, 0, 2);
    }

    private static Arbitrary<Object> nested(Arbitrary<Object> inner) {
        return Arbitraries.oneOf(
                inner.list().ofMaxSize(2).map(list -> (Object) list),
                Arbitraries.maps(texts(), inner.injectNull(0.1)).ofMaxSize(2).map(map ->
                        (Object) new LinkedHashMap<>(map)));
    }

    private static Arbitrary<Double> fractions() {
        return Arbitraries.doubles().between(-1e6, 1e6).filter(value -> value != Math.rint(value));
    }
}

package io.taskpilot.guardrail;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RailPhase;
import io.taskpilot.telemetry.OpenSpan;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Future;
import java.util.function.BiFunction;

/** The span of a check, which tells the same whichever engine checks. */
final class RailSpans {
    private RailSpans() {}

    /** @param check gets the call as it is to be sent on */
    static Future<Verdict> around(
            Spans.Plan plan,
            RailPhase phase,
            CallContext call,
            BiFunction<CallContext, OpenSpan, Future<Verdict>> check) {
        return call.under(
                plan,
                (here, span) -> check.apply(here, span.set(Spans.PHASE, phase.word()))
                        .onSuccess(verdict -> tell(verdict, span))
                        .onFailure(unused -> span.set(Spans.RESULT, DecisionResult.ERROR.word())));
    }

    private static void tell(Verdict verdict, OpenSpan span) {
        if (verdict instanceof Verdict.Blocked blocked) {
            span.set(Spans.RESULT, DecisionResult.DENY.word()).set(Spans.RAIL, blocked.rail());
        } else if (verdict instanceof Verdict.Modified modified) {
            span.set(Spans.RESULT, DecisionResult.MODIFIED.word()).set(Spans.RAIL, modified.rail());
        } else {
            span.set(Spans.RESULT, DecisionResult.ALLOW.word());
        }
    }
}

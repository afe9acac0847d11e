package io.taskpilot.policy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.OpenSpan;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Future;
import java.util.function.Function;

/** The span of a question to a policy, which tells the same whichever engine answers. */
final class PolicySpans {
    private PolicySpans() {}

    /** @param question gets the call as it is to be sent on */
    static <T> Future<T> around(Spans.Plan plan, CallContext call, Function<CallContext, Future<T>> question) {
        return call.under(
                plan,
                (here, span) -> question.apply(here)
                        .onSuccess(answer -> tell(answer, span))
                        .onFailure(unused -> span.set(Spans.RESULT, DecisionResult.ERROR.word())));
    }

    private static void tell(Object answer, OpenSpan span) {
        if (answer instanceof PolicyVerdict verdict) {
            span.set(Spans.RESULT, verdict.result().word())
                    .set(Spans.RULE, verdict.rule())
                    .set(Spans.REVISION, verdict.revision())
                    .set(Spans.DECISION_ID, verdict.decisionId());
        }
    }
}

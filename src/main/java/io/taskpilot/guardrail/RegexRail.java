package io.taskpilot.guardrail;

import io.taskpilot.engine.Guardrails.Verdict;
import java.util.List;

/**
 * One flow of NeMo's {@code regex_detection}: a text that any pattern is found in is blocked. An empty text passes.
 *
 * @param flow as in {@code regex check input}
 * @param source where the patterns stand in the file
 */
record RegexRail(String flow, String source, boolean caseInsensitive, List<RailPattern> patterns) {
    RegexRail {
        patterns = List.copyOf(patterns);
    }

    Verdict check(String text) {
        var prepared = caseInsensitive ? RailPattern.folded(text) : text;
        for (var i = 0; i < patterns.size(); i++) {
            if (!text.isEmpty() && patterns.get(i).isFoundIn(prepared)) {
                return new Verdict.Blocked(flow, "pattern %d of %s".formatted(i + 1, source));
            }
        }
        return new Verdict.Passed();
    }
}

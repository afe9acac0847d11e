package io.taskpilot.policy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.Breaker;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PastDecision;
import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Asks a policy what another was asked, and counts where their verdicts differ. Keeps counts and a few examples, however
 * many it is given. Belongs to one caller, who gives it one page after the other.
 */
public final class Backtest {
    private static final int EXAMPLES = 5;
    private static final Duration LONGEST = Duration.ofSeconds(10);

    /** From what to what, by rule; {@code ERROR} when the candidate gave no verdict. */
    public record Change(DecisionResult was, String oldRule, DecisionResult now, String newRule) {}

    /** @param examples the first few */
    public record Flips(Change change, long count, List<PastDecision> examples) {}

    /**
     * @param replayed decisions that were asked again
     * @param unanswered decisions on which there was no verdict at the time, and which were not asked again
     * @param flips most frequent first
     */
    public record Report(long replayed, long unanswered, List<Flips> flips) {
        public long flipped() {
            return flips.stream().mapToLong(Flips::count).sum();
        }
    }

    private final PolicyEngine candidate;
    private final Map<String, Flips> flips = new TreeMap<>();
    private long replayed;
    private long unanswered;

    public Backtest(PolicyEngine candidate) {
        this.candidate = candidate;
    }

    /** A candidate without a verdict is a finding; fails only when the server that has it answers no more. */
    public Future<Void> judge(List<PastDecision> page) {
        var done = Future.<Void>succeededFuture();
        for (var past : page) {
            done = done.compose(unused -> judge(past));
        }
        return done;
    }

    private Future<Void> judge(PastDecision past) {
        if (past.result() == DecisionResult.ERROR) {
            unanswered++;
            return Future.succeededFuture();
        }
        var call = CallContext.ofRequest("backtest", Deadline.in(LONGEST));
        return candidate
                .decide(past.event().input(), call)
                .recover(Backtest::withoutVerdict)
                .map(verdict -> {
                    compare(past, verdict);
                    return null;
                });
    }

    /** What was not asked any more says nothing of the candidate. */
    private static Future<PolicyVerdict> withoutVerdict(Throwable cause) {
        return cause.getCause() != null && Breaker.isRefusal(cause.getCause())
                ? Future.failedFuture(cause)
                : Future.succeededFuture(PolicyVerdict.error(PolicyAnswer.UNAVAILABLE, "no verdict"));
    }

    private void compare(PastDecision past, PolicyVerdict verdict) {
        replayed++;
        if (past.result() == verdict.result()) {
            return;
        }
        var change = new Change(past.result(), past.rule(), verdict.result(), verdict.rule());
        flips.merge(change.toString(), new Flips(change, 1, List.of(past)), Backtest::sum);
    }

    private static Flips sum(Flips before, Flips one) {
        var examples = new ArrayList<>(before.examples());
        if (examples.size() < EXAMPLES) {
            examples.addAll(one.examples());
        }
        return new Flips(before.change(), before.count() + 1, List.copyOf(examples));
    }

    public Report report() {
        var byCount = flips.values().stream()
                .sorted(Comparator.comparingLong(Flips::count).reversed())
                .toList();
        return new Report(replayed, unanswered, byCount);
    }
}

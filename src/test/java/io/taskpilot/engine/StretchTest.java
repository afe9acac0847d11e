package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Stretch.Invocation;
import io.taskpilot.run.Agent;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.TaskProposal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What a history tells of who was at work when a driver left. */
class StretchTest {
    private static final UUID ID = new UUID(1, 2);
    private static final RunEvent ACCEPTED = new RunEvent.Accepted(
            new RunRequest(ID, "t", "p", List.of(), "r", "input", Map.of(), Duration.ofMinutes(1), false));
    private static final RunEvent PLANNER = new RunEvent.AgentStarted(Agent.PLANNER, 1);
    private static final RunEvent PROPOSED = new RunEvent.TaskProposed(ID, new TaskProposal("t", "low", ""));
    private static final RunEvent REVIEWER = new RunEvent.AgentStarted(Agent.REVIEWER, 1);
    private static final RunEvent REVIEWED = new RunEvent.ReviewCompleted(ReviewVerdict.APPROVE);
    private static final RunEvent EXECUTOR = new RunEvent.AgentStarted(Agent.EXECUTOR, 1);
    private static final RunEvent DEAD = new RunEvent.Resumed("node_dead");

    /** Of events a second apart. */
    private static Stretch of(RunEvent... events) {
        var history = new ArrayList<Recorded>();
        for (var event : events) {
            history.add(new Recorded(history.size() + 1, second(history.size() + 1), event));
        }
        return Stretch.of(history);
    }

    private static Instant second(long n) {
        return Instant.EPOCH.plusSeconds(n);
    }

    @Test
    void nobodyIsAtWorkBetweenAgents() {
        assertThat(of(ACCEPTED)).isEqualTo(new Stretch(1, null, Instant.EPOCH, null, second(1), ""));
        var between = of(ACCEPTED, PLANNER, PROPOSED, REVIEWER, REVIEWED);

        assertThat(between.open()).isNull();
        assertThat(between.last()).isEqualTo(new Invocation(Agent.REVIEWER, 1));
    }

    @Test
    void anAgentIsAtWorkOverAllItsTurns() {
        var again = new RunEvent.AgentStarted(Agent.PLANNER, 2);

        assertThat(of(ACCEPTED, PLANNER, again))
                .isEqualTo(new Stretch(1, Agent.PLANNER, second(2), null, second(3), ""));
    }

    @Test
    void eachTakeoverBeginsAStretch() {
        var executor = new RunEvent.AgentStarted(Agent.EXECUTOR, 1);
        var past = of(ACCEPTED, PLANNER, PROPOSED, REVIEWER, REVIEWED, EXECUTOR, DEAD, executor, DEAD);

        assertThat(past.number()).isEqualTo(3);
        assertThat(past.open()).isEqualTo(Agent.EXECUTOR);
        assertThat(past.since()).as("in this stretch").isEqualTo(second(9));
        assertThat(past.last()).isEqualTo(new Invocation(Agent.EXECUTOR, 2));
    }

    @Test
    void theLastAnswerIsKnown() {
        var answered =
                new RunEvent.ApprovalDecided(ID, ApprovalAnswer.APPROVE, "ann", List.of(), "", null, null, "00-trace");

        assertThat(of(ACCEPTED, EXECUTOR, answered).answered()).isEqualTo("00-trace");
    }
}

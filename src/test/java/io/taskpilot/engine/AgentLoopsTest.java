package io.taskpilot.engine;

import static io.taskpilot.engine.TestNode.await;

import io.taskpilot.journal.TestPostgres;
import io.taskpilot.telemetry.Scrape;
import io.vertx.core.Future;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A node that only drives runs has no other loop that could show that it does not turn. */
class AgentLoopsTest {
    @Test
    void theLoopsThatDriveRunsAreSampled() throws Exception {
        Agents never = (agent, run, tools, call, text) -> Future.failedFuture("not asked");
        try (var node = new TestNode(TestPostgres.database(), never, List.of(), (method, arguments, go) -> go.get())) {
            await(
                    "their lag is measured",
                    () -> Scrape.parse(node.metrics.scrape("text/plain")).sum("taskpilot_event_loop_lag_seconds_count")
                            > 0);
        }
    }
}

package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A deploy: one node after the other is stopped and started anew under load, behind nginx as shipped. */
@LongRunning
class RollingRestartIT {
    private static final int NODES = 3;

    /** Each node once, and again while by chance nobody was on one when it went. */
    private static final int MOST_RESTARTS = 9;

    private static final int CLIENTS_OF_EACH_KIND = 3;

    @TempDir
    Path directory;

    @Test
    void noClientSeesMoreOfItThanAReconnect() throws Exception {
        Tool.orSkip("NGINX", "nginx");
        var database = TestPostgres.database();
        var ports = OutsideProcess.unusedPorts(NODES);
        var starting = ports.stream()
                .map(port -> CompletableFuture.supplyAsync(() -> start(database, port)))
                .toList();
        var nodes =
                new ArrayList<>(starting.stream().map(CompletableFuture::join).toList());
        try (var nginx = Nginx.start(Files.createDirectory(directory.resolve("nginx")), ports);
                var crowd = new Crowd(nginx.url())) {
            crowd.come(CLIENTS_OF_EACH_KIND);
            for (var i = 0; i < NODES || (i < MOST_RESTARTS && !crowd.wasMoved()); i++) {
                untilBusy(crowd);
                var node = i % NODES;
                assertThat(nodes.get(node).stop()).as("exit code on SIGTERM").isEqualTo(143);
                nodes.set(node, start(database, ports.get(node)));
            }
            untilBusy(crowd);
            crowd.finish();

            assertThat(crowd.complaints()).as(nginx.log()).isEmpty();
            assertThat(crowd.runs()).allMatch(run -> run.end().equals("run.succeeded") && run.isWhole());
            assertThat(crowd.streamsResumed())
                    .as("streams that were told to reconnect")
                    .isPositive();
            assertThat(crowd.socketsReopened()).as("sockets closed with 1012").isPositive();
            assertEveryRunEndedOnce(database, crowd);
        } finally {
            nodes.forEach(ServerProcess::close);
        }
    }

    private static void assertEveryRunEndedOnce(PostgresAddress database, Crowd crowd) {
        var accepted = String.valueOf(crowd.runs().size());
        assertThat(crowd.runs().stream().map(SeenRun::id)).doesNotHaveDuplicates();
        assertThat(TestPostgres.query(database, "select count(*) from runs")).isEqualTo(accepted);
        assertThat(TestPostgres.query(database, "select count(*) from events where type = 'run.succeeded'"))
                .isEqualTo(accepted);
        assertThat(TestPostgres.query(database, "select count(*) from tasks where status = 'executed'"))
                .as("effects")
                .isEqualTo(accepted);
        assertThat(TestPostgres.query(database, "select count(*) from events where type = 'run.resumed'"))
                .as("runs that went on elsewhere")
                .isNotEqualTo("0");
    }

    /** Until every client has had its turn: whoever joined too late would see nothing of a restart. */
    private static void untilBusy(Crowd crowd) throws Exception {
        var enough = crowd.runs().size() + 4 * CLIENTS_OF_EACH_KIND;
        var deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        while (crowd.runs().size() < enough) {
            assertThat(System.nanoTime() - deadline).as("runs still end").isNegative();
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    private ServerProcess start(PostgresAddress database, int port) {
        var settings = Map.of(
                "TASKPILOT_POSTGRES_URL", database.url().value(),
                "TASKPILOT_HTTP_PORT", String.valueOf(port),
                "TASKPILOT_LLM_OFFLINE_LATENCY", "400ms",
                "TASKPILOT_DRAIN_ACCEPT", "2s",
                "TASKPILOT_DRAIN_GRACE", "10s");
        try {
            return ServerProcess.start(directory.resolve("node-" + port), settings);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}

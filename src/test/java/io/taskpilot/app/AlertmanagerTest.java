package io.taskpilot.app;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.AlertRules;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the shipped configuration of Alertmanager holds back: a live one is sent alerts and asked. */
class AlertmanagerTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Map<String, String> PAGE = Map.of(
            "alertname", "SomeBudgetBurnFast", "severity", "critical", "slo", "workflow-success", "component", "slo");

    private static final Set<String> SEEN = Set.of("TaskPilotAbsent", "Watchdog", "TaskPilotHistoryLost");

    @TempDir
    Path directory;

    @Test
    void aPageHoldsBackTheTicketOfItsObjectiveAndOfNoOther() throws Exception {
        var own = Map.of(
                "alertname",
                "SomeBudgetBurnSlow",
                "severity",
                "warning",
                "slo",
                "workflow-success",
                "component",
                "slo");
        var other = Map.of(
                "alertname",
                "SomeBudgetBurnSlow",
                "severity",
                "warning",
                "slo",
                "api-availability",
                "component",
                "slo");
        var none = Map.of("alertname", "TaskPilotRunsStuck", "severity", "warning", "component", "runs");
        var alsoNone = Map.of("alertname", "TaskPilotJournalStalled", "severity", "critical", "component", "journal");

        assertThat(heldBack(List.of(PAGE, own, other, none, alsoNone))).containsExactly(own);
    }

    @Test
    void withoutAServerToScrapeEverythingIsHeldBackButThatAndTheWatchdogAndLostHistory() throws Exception {
        var absent = Map.of("alertname", "TaskPilotAbsent", "severity", "critical", "component", "server");
        var lost = Map.of("alertname", "TaskPilotHistoryLost", "severity", "critical", "component", "journal");
        var watchdog = Map.of("alertname", "Watchdog", "severity", "info", "component", "prometheus");
        var others = new ArrayList<Map<String, String>>();
        for (var rule : AlertRules.all()) {
            var name = rule.path("alert").asText();
            if (!name.isEmpty() && !SEEN.contains(name)) {
                var labels = labels(rule.path("labels"));
                labels.put("alertname", name);
                others.add(labels);
            }
        }
        var all = new ArrayList<>(others);
        all.add(absent);
        all.add(watchdog);
        all.add(lost);

        assertThat(heldBack(all)).containsExactlyInAnyOrderElementsOf(others);
    }

    @Test
    void aDependencyThatIsDownExplainsItsCircuitAndPostgresTheJournal() throws Exception {
        var down = Map.of("alertname", "TaskPilotDependencyDown", "severity", "warning", "dependency", "opa");
        var circuit = Map.of("alertname", "TaskPilotCircuitOpen", "severity", "warning", "dependency", "opa");
        var another = Map.of("alertname", "TaskPilotCircuitOpen", "severity", "warning", "dependency", "llm");
        var stalled = Map.of("alertname", "TaskPilotJournalStalled", "severity", "critical", "component", "journal");
        var queue = Map.of("alertname", "TaskPilotQueueStalled", "severity", "critical", "component", "runs");
        var postgres = Map.of("alertname", "TaskPilotDependencyDown", "severity", "critical", "dependency", "postgres");

        assertThat(heldBack(List.of(down, circuit, another, stalled))).containsExactly(circuit);
        assertThat(heldBack(List.of(postgres, circuit, another, stalled, queue)))
                .containsExactlyInAnyOrder(stalled, queue);
    }

    /** Of these alerts, sent at once to an Alertmanager that has no others, those that nobody is told of. */
    private List<Map<String, String>> heldBack(List<Map<String, String>> alerts) throws Exception {
        var port = OutsideProcess.unusedPort();
        var process = start(port);
        try {
            var operator = new ApiUser(URI.create("http://127.0.0.1:" + port));
            Outage.until(PATIENCE, () -> isReady(operator, process));
            var body = alerts.stream().map(labels -> Map.of("labels", labels)).toList();
            var answer = operator.send("POST", "/api/v2/alerts", ApiUser.JSON.writeValueAsString(body));
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            Outage.until(PATIENCE, () -> processed(operator) == alerts.size());
            return StreamSupport.stream(operator.get("/api/v2/alerts").spliterator(), false)
                    .filter(alert -> !alert.at("/status/inhibitedBy").isEmpty())
                    .<Map<String, String>>map(alert -> labels(alert.path("labels")))
                    .toList();
        } finally {
            process.destroy();
            process.onExit().orTimeout(20, TimeUnit.SECONDS).join();
        }
    }

    private Process start(int port) throws IOException {
        var binary = Tool.orSkip("ALERTMANAGER", "alertmanager");
        return new ProcessBuilder(
                        binary.toString(),
                        "--config.file="
                                + Path.of("prometheus/alertmanager.yml").toAbsolutePath(),
                        "--storage.path=" + directory.resolve("data" + port),
                        "--web.listen-address=127.0.0.1:" + port,
                        "--cluster.listen-address=")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile())
                .start();
    }

    private static boolean isReady(ApiUser operator, Process process) throws Exception {
        assertThat(process.isAlive()).isTrue();
        try {
            return operator.send("GET", "/-/ready", null).statusCode() == 200;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** An alert is unprocessed until it was looked at whether it is held back. */
    private static long processed(ApiUser operator) throws Exception {
        return StreamSupport.stream(operator.get("/api/v2/alerts").spliterator(), false)
                .filter(alert -> !alert.at("/status/state").asText().equals("unprocessed"))
                .count();
    }

    private static Map<String, String> labels(JsonNode node) {
        return new HashMap<>(node.properties().stream()
                .collect(toMap(Map.Entry::getKey, label -> label.getValue().asText())));
    }
}

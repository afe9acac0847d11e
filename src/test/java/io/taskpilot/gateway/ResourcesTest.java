package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ResourcesTest {
    private TestGateway server;
    private Client client;

    @BeforeEach
    void start() throws Exception {
        server = TestGateway.open();
        client = new Client(server.url());
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static List<RunEvent> withDecision(RunRequest request) {
        var formula = "=HYPERLINK(\"http://x\"), \"quoted\"";
        var deny = new RunEvent.GuardrailChecked(
                RailPhase.INPUT, DecisionResult.DENY, "rail", formula, null, null, null, false, "00", 0.5);
        return List.of(new RunEvent.Started(), deny);
    }

    private String approvalOf(String run) {
        return "apr_" + Scripts.approval(UUID.fromString(run.substring("run_".length())));
    }

    @Test
    void anApprovalShowsExactlyWhatWouldRun() throws Exception {
        server.runs.script = Scripts::toAnApproval;
        var run = client.submit("go");

        var listed =
                client.get("/v1/approvals?status=pending").json().path("items").get(0);
        var shown = client.get("/v1/approvals/" + approvalOf(run)).json();

        assertThat(listed).isEqualTo(shown);
        assertThat(shown.path("tool").asText()).isEqualTo("create_task");
        assertThat(shown.path("arguments").path("title").asText()).isEqualTo("Sensitive");
        assertThat(shown.path("digest").asText()).hasSize(64);
        assertThat(shown.path("answers")).hasSize(2);
        assertThat(shown.path("answered").isNull()).isTrue();
    }

    @Test
    void theSecondAnswerIsToldTheFirst() throws Exception {
        server.runs.script = Scripts::toAnApproval;
        var approval = "/v1/approvals/" + approvalOf(client.submit("go"));

        var first = client.post(approval + "/answer", "{\"answer\": \"reject\", \"reason\": \"no\"}");
        var second = client.post(approval + "/approve", "");

        assertThat(first.status()).isEqualTo(200);
        assertThat(second.status()).isEqualTo(409);
        assertThat(second.slug()).isEqualTo("caller-approval-answered");
        assertThat(second.json().path("answered").path("answer").asText()).isEqualTo("reject");
        assertThat(second.json().path("answered").path("reason").asText()).isEqualTo("no");
    }

    @Test
    void anAnswerThatIsNotOfferedIsRefused() throws Exception {
        server.runs.script = Scripts::toAnApproval;
        var approval = "/v1/approvals/" + approvalOf(client.submit("go"));

        var answer = client.post(approval + "/answer", "{\"answer\": \"retry\"}");

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().path("errors").get(0).path("pointer").asText()).isEqualTo("/answer");
    }

    @Test
    void tasksAreListedAndFound() throws Exception {
        var listed = client.get("/v1/tasks?status=executed&priority=high").json();
        var task = client.get("/v1/tasks/task_" + MemoryRuns.TASK).json();

        assertThat(listed.path("items").get(0)).isEqualTo(task);
        assertThat(task.path("title").asText()).isEqualTo("Prepare the board deck");
        assertThat(client.get("/v1/tasks?status=pending").json().path("items")).isEmpty();
    }

    @Test
    void decisionsComeAsListAndAsLinesAndAsTable() throws Exception {
        server.runs.script = ResourcesTest::withDecision;
        var run = client.submit("go");

        var list = client.get("/v1/decisions?result=deny&run_id=" + run).json().path("items");
        var lines = client.get("/v1/decisions", "Accept", "application/x-ndjson");
        var table = client.get("/v1/decisions", "Accept", "text/csv");

        assertThat(list).hasSize(1);
        assertThat(Client.JSON.readTree(lines.body().strip())).isEqualTo(list.get(0));
        assertThat(lines.header("content-type")).isEqualTo("application/x-ndjson");
        assertThat(table.header("content-type")).startsWith("text/csv");
        assertThat(table.body()).startsWith("id,chain_id,run_id,").contains("\r\n");
        assertThat(table.body()).contains(",\"'=HYPERLINK(\"\"http://x\"\"), \"\"quoted\"\"\",");
    }

    @Test
    void anExportHasNoPages() throws Exception {
        var answer = client.get("/v1/decisions?limit=3", "Accept", "text/csv");

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().path("errors").get(0).path("pointer").asText()).isEqualTo("#limit");
    }

    @Test
    void anEmptyExportHasItsHeadAlone() throws Exception {
        assertThat(client.get("/v1/decisions", "Accept", "text/csv").body().lines())
                .hasSize(1);
        assertThat(client.get("/v1/decisions", "Accept", "application/x-ndjson").body())
                .isEmpty();
    }

    @Test
    void theLogIsVerified() throws Exception {
        var answer = client.get("/v1/decisions/verify").json();

        assertThat(answer.path("intact").asBoolean()).isTrue();
        assertThat(answer.path("broken")).isEmpty();
    }

    @Test
    void aVerificationSaysMeanwhileHowFarItHasCome() throws Exception {
        var answer = client.get("/v1/decisions/verify", "Accept", "application/x-ndjson");

        var lines = answer.body().lines().toList();
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0)).isEqualTo("{\"chains\":0,\"rows\":0,\"seals\":0}");
        assertThat(Client.JSON.readTree(lines.get(1)))
                .isEqualTo(client.get("/v1/decisions/verify").json());
    }

    @Test
    void policyIsAskedAndNothingIsRecorded() throws Exception {
        var deny = client.post("/v1/policy/evaluate", "{\"input\": {\"tool_name\": \"delete_task\"}}")
                .json();
        var allow = client.post("/v1/policy/evaluate", "{\"input\": {\"tool_name\": \"create_task\"}}")
                .json();

        assertThat(deny.path("decision").asText()).isEqualTo("deny");
        assertThat(allow.path("decision").asText()).isEqualTo("allow");
        assertThat(server.runs.all()).isEmpty();
    }

    @Test
    void costsComeInThreeForms() throws Exception {
        var json = client.get("/v1/cost-report?by=model&since=2026-01-01T00:00:00Z")
                .json();
        var csv = client.get("/v1/cost-report", "Accept", "text/csv").body();
        var text = client.get("/v1/cost-report", "Accept", "text/plain").body();

        assertThat(json.path("items").get(0).path("usage").path("cost_usd").asDouble())
                .isEqualTo(0.0012);
        assertThat(csv).startsWith("agent,runs,").contains("'=cmd()");
        assertThat(text.lines()).hasSize(3);
    }

    @Test
    void goldenSignalsSayNullWhereNothingWasCounted() throws Exception {
        var signals = client.get("/v1/golden-signals").json();

        assertThat(signals.path("success_rate").asDouble()).isEqualTo(0.5);
        assertThat(signals.path("policy_violation_rate").isNull()).isTrue();
    }

    @Test
    void theIndexLinksToWhatThereIs() throws Exception {
        var links = client.get("/").json().path("links");

        for (var link : links) {
            assertThat(client.get(link.asText()).status()).as(link.asText()).isNotEqualTo(404);
        }
    }

    @Test
    void aProblemExplainsItself() throws Exception {
        var problem = client.get("/v1/nothing").json();

        assertThat(client.get(problem.path("type").asText()).json().path("title"))
                .isEqualTo(problem.path("title"));
    }
}

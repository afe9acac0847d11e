package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.gateway.Client.Event;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.vertx.core.Promise;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RunsTest {
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

    private static UUID id(String runId) {
        return UUID.fromString(runId.substring("run_".length()));
    }

    private static List<Long> seqs(List<Event> events) {
        return events.stream().map(event -> Long.valueOf(event.id())).toList();
    }

    @Test
    void aSubmittedRunIsAcceptedAndFoundWhereItSays() throws Exception {
        var answer = client.post(
                "/v1/runs",
                "{\"input\": \"Buy milk\", \"metadata\": {\"team\": \"a\"}, \"timeout_s\": 60, \"require_approval\": true}",
                "X-Request-Id",
                "mine-1");

        assertThat(answer.status()).isEqualTo(202);
        assertThat(answer.header("x-request-id")).isEqualTo("mine-1");
        var run = client.get(answer.header("location")).json();
        assertThat(run).isEqualTo(answer.json());
        assertThat(run.path("input").asText()).isEqualTo("Buy milk");
        assertThat(run.path("metadata").path("team").asText()).isEqualTo("a");
        assertThat(run.path("timeout_s").asInt()).isEqualTo(60);
        assertThat(run.path("require_approval").asBoolean()).isTrue();
        assertThat(run.path("request_id").asText()).isEqualTo("mine-1");
    }

    @Test
    void whoPrefersToWaitGetsTheFinishedRun() throws Exception {
        server.runs.script = Scripts::toTheEnd;

        var answer = client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "respond-async, wait=30");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.header("preference-applied")).isEqualTo("wait=30");
        assertThat(answer.json().path("status").asText()).isEqualTo("succeeded");
        assertThat(answer.json().path("output").path("text").asText()).isEqualTo("done");
    }

    @Test
    void aWaitEndsWhenTheRunEndsLater() throws Exception {
        server.runs.script = request -> {
            server.vertx.setTimer(
                    50, unused -> server.runs.append(request.runId(), new RunEvent.Started(), Scripts.succeeded()));
            return List.of();
        };

        assertThat(client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "wait=30")
                        .status())
                .isEqualTo(200);
    }

    @Test
    void aWaitEndsWhenTheRunWaitsForAPerson() throws Exception {
        server.runs.script = Scripts::toAnApproval;

        var answer = client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "wait=30");

        assertThat(answer.status()).isEqualTo(202);
        assertThat(answer.json().path("status").asText()).isEqualTo("awaiting_approval");
        assertThat(answer.json().path("approval_id").asText()).startsWith("apr_");
    }

    @Test
    void aWaitThatIsOverSaysSo() throws Exception {
        assertThat(client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "wait=0")
                        .status())
                .isEqualTo(202);
        assertThat(client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "wait=1")
                        .status())
                .isEqualTo(202);
    }

    @Test
    void aRunWithoutAVerdictIsAnOutageToWhoWaits() throws Exception {
        server.runs.script = request -> List.of(new RunEvent.Started(), Scripts.failed("policy-unavailable"));

        var answer = client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "wait=30");

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.slug()).isEqualTo("policy-unavailable");
        assertThat(answer.json().path("run_id").asText()).startsWith("run_");
        assertThat(answer.header("retry-after")).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"respond-async", "wait=1"})
    void aRunThatWasAcceptedIsSaidToBeThoughItCannotBeRead(String preference) throws Exception {
        server.runs.script = this::databaseGoes;

        var answer = client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", preference);

        assertThat(answer.status()).isEqualTo(202);
        assertThat(answer.json().path("status").asText()).isEqualTo("queued");
        assertThat(answer.header("location"))
                .isEqualTo("/v1/runs/" + answer.json().path("id").asText());
    }

    @Test
    void aRunThatWasAcceptedIsStreamedOnceItCanBeRead() throws Exception {
        server.runs.script = this::databaseGoes;
        var request = client.request("/v1/runs", "Accept", "text/event-stream", "Content-Type", "application/json")
                .POST(BodyPublishers.ofString("{\"input\": \"go\"}"));

        try (var stream = client.open(request)) {
            assertThat(stream.response.statusCode()).isEqualTo(200);
            server.runs.outage = null;
            assertThat(stream.next().name()).isEqualTo("run.accepted");
        }
    }

    private List<RunEvent> databaseGoes(RunRequest request) {
        server.runs.outage = Failure.unavailable("overload-journal", "away", new IllegalStateException("test"));
        return List.of();
    }

    /** The stream is opened after the commit, when the server may have begun to send its readers elsewhere. */
    @Test
    void aSubmissionThatADrainOvertakesIsNotRefused() throws Exception {
        var commit = Promise.<Void>promise();
        server.runs.commit = commit.future();
        var submitted = CompletableFuture.supplyAsync(() -> {
            try {
                return client.events(
                        client.request("/v1/runs", "Accept", "text/event-stream", "Content-Type", "application/json")
                                .POST(BodyPublishers.ofString("{\"input\": \"go\"}")));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        server.await("the run is there", () -> !server.runs.all().isEmpty());

        var drained = server.gateway.drain(Duration.ZERO);
        server.await("readers are sent away", () -> server.gateway.streams().isDraining());
        commit.complete();

        assertThat(submitted.get(30, TimeUnit.SECONDS).stream()
                        .map(Client.Event::name)
                        .toList())
                .contains("reconnect");
        drained.await();
    }

    @Test
    void aSubmissionCanBeFollowedInItsOwnAnswer() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var request = client.request("/v1/runs", "Accept", "text/event-stream", "Content-Type", "application/json")
                .POST(BodyPublishers.ofString("{\"input\": \"go\"}"));

        try (var stream = client.open(request)) {
            assertThat(stream.response.statusCode()).isEqualTo(200);
            assertThat(stream.response.headers().firstValue("x-accel-buffering"))
                    .contains("no");
            var first = stream.next();
            assertThat(first.name()).isEqualTo("run.accepted");
            assertThat(stream.response.headers().firstValue("location"))
                    .contains("/v1/runs/" + first.data().path("run_id").asText());
            assertThat(stream.next().name()).isEqualTo("run.started");
            assertThat(stream.next().name()).isEqualTo("guardrail.checked");
            assertThat(stream.next().name()).isEqualTo("run.succeeded");
            assertThat(stream.isAtEnd()).isTrue();
        }
    }

    @Test
    void aStreamResumesAfterTheLastEventWithoutAGap() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var run = client.submit("go");

        assertThat(seqs(client.events(run))).containsExactly(1L, 2L, 3L, 4L);
        assertThat(seqs(client.events(run, "Last-Event-ID", "2"))).containsExactly(3L, 4L);
        assertThat(seqs(client.events(
                        client.request("/v1/runs/" + run + "/events?after=3", "Accept", "text/event-stream"))))
                .containsExactly(4L);
    }

    @Test
    void aLiveStreamCarriesWhatComesLater() throws Exception {
        var run = client.submit("go");

        try (var stream = client.open(client.request("/v1/runs/" + run + "/events", "Accept", "text/event-stream"))) {
            assertThat(stream.next().name()).isEqualTo("run.accepted");
            server.runs.append(id(run), new RunEvent.Started());
            assertThat(stream.next().name()).isEqualTo("run.started");
            server.runs.append(id(run), new RunEvent.Resumed("node_dead"), Scripts.succeeded());
            assertThat(stream.next().data().path("attempt").asInt()).isEqualTo(2);
            assertThat(stream.next().data().path("attempt").asInt()).isEqualTo(2);
            assertThat(stream.isAtEnd()).isTrue();
        }
        assertThat(client.events(run, "Last-Event-ID", "3")
                        .get(0)
                        .data()
                        .path("attempt")
                        .asInt())
                .isEqualTo(2);
        assertThat(client.events(run, "Last-Event-ID", "1")
                        .get(0)
                        .data()
                        .path("attempt")
                        .asInt())
                .isEqualTo(1);
    }

    @Test
    void resumingAtTheEndOrPastItIsToldToStop() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var run = client.submit("go");

        for (var last : List.of("4", "99")) {
            var answer =
                    client.get("/v1/runs/" + run + "/events", "Accept", "text/event-stream", "Last-Event-ID", last);
            assertThat(answer.status()).isEqualTo(204);
            assertThat(answer.body()).isEmpty();
        }
    }

    @Test
    void aCursorBeyondALiveRunIsRefused() throws Exception {
        var run = client.submit("go");

        var answer = client.get("/v1/runs/" + run + "/events?after=7", "Accept", "text/event-stream");

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.slug()).isEqualTo("caller-bad-cursor");
    }

    @Test
    void listStreamAndTraceTellTheSame() throws Exception {
        server.runs.script = request -> List.of(
                new RunEvent.Started(), new RunEvent.Resumed("node_dead"), Scripts.checked("b"), Scripts.succeeded());
        var run = client.submit("go");

        var streamed = client.events(run).stream().map(Event::data).toList();
        var list = client.get("/v1/runs/" + run + "/events").json();
        var trace = client.get("/v1/runs/" + run + "/trace");

        assertThat(list.path("items")).hasSize(5).containsExactlyElementsOf(streamed);
        assertThat(list.path("next_cursor").isNull()).isTrue();
        assertThat(trace.header("content-type")).isEqualTo("application/jsonl");
        assertThat(trace.body().lines().map(RunsTest::json)).containsExactlyElementsOf(streamed);
    }

    private static JsonNode json(String text) {
        try {
            return Client.JSON.readTree(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void eventsComeInPages() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var run = client.submit("go");

        var first = client.get("/v1/runs/" + run + "/events?limit=3").json();
        var second = client.get("/v1/runs/" + run + "/events?limit=3&cursor="
                        + first.path("next_cursor").asText())
                .json();

        assertThat(first.path("items")).hasSize(3);
        assertThat(second.path("items")).hasSize(1);
        assertThat(second.path("next_cursor").isNull()).isTrue();
        assertThat(client.get("/v1/runs/" + run + "/events?after=50").json().path("items"))
                .isEmpty();
    }

    @Test
    void runsComeNewestFirstInPages() throws Exception {
        var older = client.submit("one");
        var newer = client.submit("two");
        server.runs.append(id(older), new RunEvent.Started(), Scripts.succeeded());

        var first = client.get("/v1/runs?limit=1").json();
        var second = client.get(
                        "/v1/runs?limit=1&cursor=" + first.path("next_cursor").asText())
                .json();

        assertThat(first.path("items").get(0).path("id").asText()).isEqualTo(newer);
        assertThat(second.path("items").get(0).path("id").asText()).isEqualTo(older);
        assertThat(client.get("/v1/runs?status=succeeded&since=2020-01-01T00:00:00Z")
                        .json()
                        .path("items"))
                .hasSize(1);
    }

    @Test
    void aCancelledRunSaysSo() throws Exception {
        var run = client.submit("go");

        var answer = client.post("/v1/runs/" + run + "/cancel", "");

        assertThat(answer.status()).isEqualTo(202);
        assertThat(answer.json().path("status").asText()).isEqualTo("cancelled");
        assertThat(answer.json().path("error").path("type").asText()).isEqualTo("/problems/caller-cancelled");
    }

    @Test
    void theSameKeyGivesTheSameRunInTheFormAsked() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var first = client.post("/v1/runs", "{\"input\": \"go\", \"timeout_s\": 5}", "Idempotency-Key", "k-1");
        var again = client.post("/v1/runs", "{\"timeout_s\": 5.0, \"input\": \"go\"}", "Idempotency-Key", "k-1");
        var waited = client.post(
                "/v1/runs", "{\"input\": \"go\", \"timeout_s\": 5}", "Idempotency-Key", "k-1", "Prefer", "wait=5");
        var other = client.post("/v1/runs", "{\"input\": \"stop\"}", "Idempotency-Key", "k-1");

        assertThat(first.header("idempotency-replayed")).isEmpty();
        assertThat(again.header("idempotency-replayed")).isEqualTo("true");
        assertThat(again.header("location")).isEqualTo(first.header("location"));
        assertThat(waited.status()).isEqualTo(200);
        assertThat(waited.header("idempotency-replayed")).isEqualTo("true");
        assertThat(other.status()).isEqualTo(422);
        assertThat(other.slug()).isEqualTo("caller-idempotency-key-reused");
    }

    @Test
    void feedbackIsKept() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var run = client.submit("go");

        var answer = client.post("/v1/runs/" + run + "/feedback", "{\"correct\": true, \"comment\": \"good\"}");

        assertThat(answer.status()).isEqualTo(204);
        assertThat(server.runs.feedbacks()).containsEntry(id(run), true);
    }

    @Test
    void oneCallerCannotFillTheServer() throws Exception {
        for (var i = 0; i < TestGateway.RUNS_PER_KEY; i++) {
            client.submit("one of many");
        }

        var answer = client.post("/v1/runs", "{\"input\": \"one too many\"}");

        assertThat(answer.status()).isEqualTo(429);
        assertThat(answer.slug()).isEqualTo("limit-runs-per-key");
        assertThat(answer.header("retry-after")).isEqualTo("1");
    }

    @Test
    void anOutageIsOursAndTemporary() throws Exception {
        server.runs.outage = Failure.overloaded("overload-journal", "the database is away", Duration.ofSeconds(2));

        var answer = client.post("/v1/runs", "{\"input\": \"go\"}");

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.slug()).isEqualTo("overload-journal");
        assertThat(answer.header("retry-after")).isEqualTo("2");
    }

    @Test
    void aStreamOutlivesAnOutage() throws Exception {
        var run = client.submit("go");
        try (var stream = client.open(client.request("/v1/runs/" + run + "/events", "Accept", "text/event-stream"))) {
            assertThat(stream.next().name()).isEqualTo("run.accepted");
            server.runs.outage = Failure.overloaded("overload-journal", "the database is away", Duration.ofSeconds(2));
            server.runs.append(id(run), new RunEvent.Started());
            server.runs.outage = null;
            assertThat(stream.next().name()).isEqualTo("run.started");
        }
    }

    @Test
    void ourOwnErrorsTellNothingOfTheInside() throws Exception {
        server.runs.outage = Failure.internal("internal-journal", new IllegalStateException("select secret from x"));

        var answer = client.get("/v1/runs");

        assertThat(answer.status()).isEqualTo(500);
        assertThat(answer.slug()).isEqualTo("internal-journal");
        assertThat(answer.body()).doesNotContain("secret").doesNotContain("Exception");
    }

    @Test
    void aDrainingServerServesOnForAWhileAndThenSendsItsReadersElsewhere() throws Exception {
        var run = client.submit("go");
        var events = "/v1/runs/" + run + "/events";
        try (var early = client.open(client.request(events, "Accept", "text/event-stream"))) {
            assertThat(early.next().name()).isEqualTo("run.accepted");

            var drained = server.gateway.drain(Duration.ofMinutes(1));

            assertThat(client.get("/health/ready").status()).isEqualTo(503);
            var accepted = client.post("/v1/runs", "{\"input\": \"go\"}");
            assertThat(accepted.status()).isEqualTo(202);
            assertThat(accepted.header("connection")).isEqualTo("close");
            try (var late = client.open(client.request(events, "Accept", "text/event-stream"))) {
                assertThat(late.next().name()).isEqualTo("run.accepted");
                server.runs.append(id(run), new RunEvent.Started());
                assertThat(late.next().name()).isEqualTo("run.started");
                assertThat(early.next().name()).isEqualTo("run.started");

                server.gateway.hurry();

                for (var stream : List.of(early, late)) {
                    assertThat(stream.next().name()).isEqualTo("reconnect");
                    assertThat(stream.isAtEnd()).isTrue();
                }
            }
            drained.await();
        }
        assertThatThrownBy(() -> client.get("/v1/runs")).isInstanceOf(ConnectException.class);
        assertThat(new Client(server.managementUrl()).get("/health/live").status())
                .isEqualTo(200);
    }

    @Test
    void whoWaitsForARunIsAnsweredBeforeTheServerGoes() throws Exception {
        var waiting = CompletableFuture.supplyAsync(() -> {
            try {
                return client.post("/v1/runs", "{\"input\": \"go\"}", "Prefer", "wait=60");
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        server.await("the run is there", () -> !server.runs.all().isEmpty());

        server.gateway.drain(Duration.ZERO).await();

        assertThat(waiting.get(30, TimeUnit.SECONDS).status()).isEqualTo(202);
    }

    @Test
    void howLongTheRunTakesToGoOnIsNoWaitForTheFirstEvent() throws Exception {
        var first = "taskpilot_stream_first_event_seconds_count{transport=\"sse\"}";
        var run = client.submit("go");
        var caughtUp =
                client.open(client.request("/v1/runs/" + run + "/events?after=1", "Accept", "text/event-stream"));
        var late = client.open(client.request("/v1/runs/" + run + "/events", "Accept", "text/event-stream"));
        assertThat(late.next().name()).isEqualTo("run.accepted");

        server.runs.append(UUID.fromString(run.substring(4)), new RunEvent.Started());

        assertThat(caughtUp.next().name()).isEqualTo("run.started");
        assertThat(server.metric(first)).isEqualTo(1);
        caughtUp.close();
        late.close();
    }

    @Test
    void aWatchEndsWithItsReader() throws Exception {
        var run = client.submit("go");
        var stream = client.open(client.request("/v1/runs/" + run + "/events", "Accept", "text/event-stream"));
        assertThat(stream.next().name()).isEqualTo("run.accepted");
        assertThat(server.metric("taskpilot_stream_connections{transport=\"sse\"}"))
                .isEqualTo(1);

        stream.close();

        var closed = "taskpilot_stream_closed_total{reason=\"client_gone\",transport=\"sse\"}";
        server.awaitMetric(closed, 1);
        assertThat(server.metric("taskpilot_stream_connections{transport=\"sse\"}"))
                .isZero();
    }
}

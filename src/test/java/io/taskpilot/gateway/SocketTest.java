package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunEvent;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketFrame;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class SocketTest {
    private TestGateway server;
    private Client client;
    private Socket socket;

    @BeforeEach
    void start() throws Exception {
        server = TestGateway.open();
        client = new Client(server.url());
        socket = new Socket(server.vertx, server.url(), null);
    }

    @AfterEach
    void stop() {
        socket.close();
        server.close();
    }

    private static String op(String op, String id, String rest) {
        return "{\"op\": \"%s\", \"id\": \"%s\"%s}".formatted(op, id, rest.isEmpty() ? "" : ", " + rest);
    }

    private static String run(String runId) {
        return "\"run_id\": \"" + runId + "\"";
    }

    private static UUID id(String runId) {
        return UUID.fromString(runId.substring("run_".length()));
    }

    private List<JsonNode> next(int count) throws Exception {
        var frames = new ArrayList<JsonNode>();
        for (var i = 0; i < count; i++) {
            frames.add(socket.next());
        }
        return frames;
    }

    @Test
    void aSubmittedRunIsAcknowledgedAndFollowed() throws Exception {
        server.runs.script = Scripts::toTheEnd;

        socket.send(op("submit", "s1", "\"input\": \"go\", \"timeout_s\": 60"));

        var ack = socket.next();
        assertThat(ack.path("op").asText()).isEqualTo("ack");
        assertThat(ack.path("id").asText()).isEqualTo("s1");
        assertThat(ack.path("replayed").asBoolean()).isFalse();
        var events = next(4);
        assertThat(events).allMatch(frame -> frame.path("op").asText().equals("event"));
        assertThat(events).allMatch(frame -> frame.path("id").asText().equals("s1"));
        var streamed = client.events(ack.path("run_id").asText()).stream()
                .map(Client.Event::data)
                .toList();
        assertThat(events.stream().map(frame -> frame.path("event"))).containsExactlyElementsOf(streamed);
    }

    @Test
    void oneSocketFollowsManyRuns() throws Exception {
        var one = client.submit("one");
        var two = client.submit("two");
        socket.send(op("subscribe", "a", run(one) + ", \"after\": 1"));
        socket.send(op("subscribe", "b", run(two) + ", \"after\": 1"));
        assertThat(next(2)).allMatch(frame -> frame.path("op").asText().equals("ack"));

        server.runs.append(id(two), new RunEvent.Started());
        assertThat(socket.next().path("id").asText()).isEqualTo("b");
        server.runs.append(id(one), new RunEvent.Started(), Scripts.succeeded());
        assertThat(next(2)).allMatch(frame -> frame.path("id").asText().equals("a"));
    }

    @Test
    void aSubscriptionResumesWhereItIsTold() throws Exception {
        server.runs.script = Scripts::toTheEnd;
        var run = client.submit("go");

        socket.send(op("subscribe", "a", run(run) + ", \"after\": 3"));
        assertThat(socket.next().path("ended").asBoolean()).isFalse();
        assertThat(socket.next().path("event").path("seq").asInt()).isEqualTo(4);

        socket.send(op("subscribe", "b", run(run) + ", \"after\": 4"));
        assertThat(socket.next().path("ended").asBoolean()).isTrue();
    }

    @Test
    void whoUnsubscribesHearsNoMore() throws Exception {
        var run = client.submit("go");
        socket.send(op("subscribe", "a", run(run) + ", \"after\": 1"));
        socket.send(op("subscribe", "again", run(run)));
        socket.send(op("unsubscribe", "b", run(run)));
        var answers = next(3);
        assertThat(answers.stream().map(frame -> frame.path("op").asText()))
                .containsExactlyInAnyOrder("ack", "error", "ack");
        assertThat(answers.stream()
                        .map(frame -> frame.path("problem").path("type").asText()))
                .contains("/problems/caller-already-subscribed");

        server.runs.append(id(run), new RunEvent.Started());
        socket.send(op("ping", "p", ""));

        assertThat(socket.next().path("op").asText()).isEqualTo("pong");
    }

    @Test
    void aPersonAnswersAndCancels() throws Exception {
        server.runs.script = Scripts::toAnApproval;
        var run = client.submit("go");
        var approval = "apr_" + Scripts.approval(id(run));

        socket.send(op(
                "answer", "a", "\"approval_id\": \"" + approval + "\", \"answer\": \"approve\", \"reason\": \"ok\""));
        assertThat(socket.next().path("approval_id").asText()).isEqualTo(approval);
        socket.send(op("answer", "b", "\"approval_id\": \"" + approval + "\", \"answer\": \"reject\""));
        assertThat(socket.next().path("problem").path("status").asInt()).isEqualTo(409);
        socket.send(op("cancel", "c", run(run)));
        assertThat(socket.next().path("status").asText()).isEqualTo("cancelled");
    }

    @Test
    void theSameKeyIsTheSameRunOnASocketToo() throws Exception {
        var first = client.post("/v1/runs", "{\"input\": \"go\"}", "Idempotency-Key", "k")
                .json();

        socket.send(op("submit", "s", "\"input\": \"go\", \"idempotency_key\": \"k\""));

        var ack = socket.next();
        assertThat(ack.path("replayed").asBoolean()).isTrue();
        assertThat(ack.path("run_id").asText()).isEqualTo(first.path("id").asText());
    }

    @Test
    void manyOperationsAtOnceAreAllAnswered() throws Exception {
        for (var i = 0; i < 500; i++) {
            socket.send(op("ping", "p" + i, ""));
        }

        assertThat(next(500)).allMatch(frame -> frame.path("op").asText().equals("pong"));
    }

    @Test
    void aSocketFollowsSoManyRunsAndNoMore() throws Exception {
        var runs = new ArrayList<String>();
        for (var i = 0; i < 1_001; i++) {
            runs.add("run_" + server.runs.accept("crowd-" + i));
        }
        for (var run : runs.subList(0, 1_000)) {
            socket.send(op("subscribe", "a", run(run) + ", \"after\": 1"));
        }
        assertThat(next(1_000)).allMatch(frame -> frame.path("op").asText().equals("ack"));

        socket.send(op("subscribe", "b", run(runs.get(1_000))));

        assertThat(socket.next().path("problem").path("type").asText()).isEqualTo("/problems/limit-subscriptions");
    }

    @Test
    void aClosedSocketIsNoConnectionAnyMore() throws Exception {
        assertThat(server.gateway.connections().get()).isEqualTo(1);

        socket.close();

        server.await("no connections", () -> server.gateway.connections().get() == 0);
    }

    @Test
    void aFloodOfPingsIsClosed() throws Exception {
        for (var i = 0; i < 1_100; i++) {
            socket.send(WebSocketFrame.pingFrame(Buffer.buffer("x")));
        }

        assertThat(socket.closeCode()).isEqualTo(1008);
    }

    @Test
    void whoIsRefusedForNowIsToldWhenToTryAgain() throws Exception {
        server.runs.outage = Failure.overloaded("overload-queue", "full", Duration.ofSeconds(3));

        socket.send(op("submit", "s", "\"input\": \"go\""));

        var refused = socket.next();
        assertThat(refused.path("problem").path("status").asInt()).isEqualTo(503);
        assertThat(refused.path("retry_after_s").asInt()).isEqualTo(3);
    }

    @Test
    void whoHasSubmittedHearsOfItBeforeTheServerGoes() throws Exception {
        var commit = Promise.<Void>promise();
        server.runs.commit = commit.future();
        socket.send(op("submit", "s", "\"input\": \"go\""));
        server.await("the run is there", () -> !server.runs.all().isEmpty());

        var drained = server.gateway.drain(Duration.ZERO);
        assertThat(socket.next().path("op").asText()).isEqualTo("reconnect");
        commit.complete();

        var ack = socket.next();
        assertThat(ack.path("op").asText()).isEqualTo("ack");
        assertThat(ack.path("run_id").asText())
                .isEqualTo(RunJson.id(server.runs.all().get(0)));
        assertThat(socket.closeCode()).isEqualTo(1012);
        drained.await();
    }

    @Test
    void aDrainingServerSendsItsSocketsElsewhere() throws Exception {
        socket.send(op("ping", "p", ""));
        assertThat(socket.next().path("op").asText()).isEqualTo("pong");

        server.gateway.drain(Duration.ZERO).await();

        assertThat(socket.next().path("op").asText()).isEqualTo("reconnect");
        assertThat(socket.closeCode()).isEqualTo(1012);
    }
}

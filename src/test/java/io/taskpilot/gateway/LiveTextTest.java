package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.engine.AgentDelta;
import io.taskpilot.run.Agent;
import io.taskpilot.run.RunEvent;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Live text between the events of a stream: where it belongs, or nowhere, and never in an event's place. */
final class LiveTextTest {
    private static final String DROPPED = "taskpilot_stream_dropped_events_total{kind=\"text\",transport=\"%s\"}";

    private TestGateway server;
    private UUID run;

    @BeforeEach
    void start() throws Exception {
        server = TestGateway.open();
        run = server.runs.accept("somebody");
        goesOn(new RunEvent.Started(), Scripts.checked("fine"));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private void goesOn(RunEvent... events) {
        server.runs.appendRaw(run, List.of(events));
    }

    private void says(long seq, int offset, String text) {
        server.runs.say(new AgentDelta(run, seq, Agent.EXECUTOR, offset, text));
    }

    private Client.Stream stream(String... headers) throws Exception {
        var client = new Client(server.url());
        return client.open(
                client.request("/v1/runs/run_" + run + "/events", headers).header("Accept", "text/event-stream"));
    }

    /** An event as {@code id name seq}, live text as {@code name seq offset text}. */
    private static String shown(Client.Event event) {
        var seq = event.data().path("seq").asText();
        var data = event.data().path("data");
        return event.name().equals("agent.delta")
                ? "delta%s %s %d %s"
                        .formatted(
                                event.id(),
                                seq,
                                data.path("offset").asInt(),
                                data.path("text").asText())
                : event.id() + " " + event.name() + " " + seq;
    }

    @Test
    void textComesAfterTheEventItFollowsAndWithoutAnId() throws Exception {
        try (var stream = stream()) {
            for (var i = 0; i < 3; i++) {
                stream.next();
            }
            goesOn(new RunEvent.AgentStarted(Agent.EXECUTOR, 1));
            assertThat(shown(stream.next())).isEqualTo("4 agent.started 4");

            says(4, 0, "Hello\n");
            says(4, 6, "🚀");
            assertThat(shown(stream.next())).isEqualTo("delta 4 0 Hello\n");
            var delta = stream.next();
            assertThat(shown(delta)).isEqualTo("delta 4 6 🚀");
            assertThat(delta.data().fieldNames())
                    .toIterable()
                    .containsExactly("seq", "run_id", "type", "at", "attempt", "data");
            assertThat(delta.data().path("run_id").asText()).isEqualTo("run_" + run);
            assertThat(delta.data().path("data").path("agent").asText()).isEqualTo("ExecutorAgent");
        }
    }

    @Test
    void textThatIsEarlyWaitsForItsEventAndTextThatIsLateIsLeftOut() throws Exception {
        try (var stream = stream()) {
            for (var i = 0; i < 3; i++) {
                stream.next();
            }
            says(5, 0, "early");
            says(2, 0, "late");
            goesOn(new RunEvent.AgentStarted(Agent.PLANNER, 1), new RunEvent.AgentStarted(Agent.EXECUTOR, 1));

            assertThat(shown(stream.next())).isEqualTo("4 agent.started 4");
            assertThat(shown(stream.next())).isEqualTo("5 agent.started 5");
            assertThat(shown(stream.next())).isEqualTo("delta 5 0 early");

            says(4, 0, "late");
            goesOn(Scripts.succeeded());
            assertThat(shown(stream.next())).isEqualTo("6 run.succeeded 6");
            assertThat(stream.isAtEnd()).isTrue();
        }
        assertThat(server.metric(DROPPED.formatted("sse"))).isZero();
    }

    @Test
    void whoComesBackGetsTheTextFromThenOn() throws Exception {
        goesOn(new RunEvent.AgentStarted(Agent.EXECUTOR, 1));
        try (var stream = stream("Last-Event-ID", "4")) {
            server.await("a stream", () -> server.gateway.streams().size() == 1);
            says(4, 10, "from here");

            assertThat(shown(stream.next())).isEqualTo("delta 4 10 from here");
        }
    }

    @Test
    void muchTextBeforeItsEventIsDroppedAndCounted() throws Exception {
        try (var stream = stream()) {
            for (var i = 0; i < 3; i++) {
                stream.next();
            }
            IntStream.range(0, 38).forEach(i -> says(4, i, "x"));
            server.awaitMetric(DROPPED.formatted("sse"), 6);
            goesOn(new RunEvent.AgentStarted(Agent.EXECUTOR, 1));

            assertThat(shown(stream.next())).isEqualTo("4 agent.started 4");
            for (var i = 0; i < 32; i++) {
                assertThat(shown(stream.next())).isEqualTo("delta 4 " + i + " x");
            }
        }
        assertThat(server.metric(DROPPED.formatted("sse"))).isEqualTo(6);
    }

    @Test
    void aSocketCarriesItAsAnEvent() throws Exception {
        goesOn(new RunEvent.AgentStarted(Agent.EXECUTOR, 1));
        try (var socket = new Socket(server.vertx, server.url(), null)) {
            socket.send("{\"op\": \"subscribe\", \"id\": \"a\", \"run_id\": \"run_%s\", \"after\": 3}".formatted(run));
            assertThat(socket.next().path("op").asText()).isEqualTo("ack");
            assertThat(socket.next().path("event").path("seq").asInt()).isEqualTo(4);

            says(4, 0, "Hello");
            goesOn(Scripts.succeeded());

            var frame = socket.next();
            assertThat(frame.path("op").asText() + frame.path("id").asText()).isEqualTo("eventa");
            assertThat(frame.path("event").path("type").asText()).isEqualTo("agent.delta");
            assertThat(frame.path("event").path("data").path("text").asText()).isEqualTo("Hello");
            assertThat(socket.next().path("event").path("seq").asInt()).isEqualTo(5);
        }
    }

    /** Says more than the sockets between hold to a reader that does not read, and then lets it read all there is. */
    @Test
    void aSlowReaderMissesTextAndNoEvent() throws Exception {
        goesOn(new RunEvent.AgentStarted(Agent.EXECUTOR, 1));
        try (var socket = new java.net.Socket()) {
            socket.setReceiveBufferSize(4_096);
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.gateway.port()));
            socket.getOutputStream()
                    .write("GET /v1/runs/run_%s/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
                            .formatted(run)
                            .getBytes(StandardCharsets.US_ASCII));
            server.await("a stream", () -> server.gateway.streams().size() == 1);
            var said = 0;
            while (server.metric(DROPPED.formatted("sse")) < 100) {
                assertThat(said).isLessThan(100_000);
                says(4, said++, "x".repeat(1_000));
            }
            goesOn(Scripts.checked("more"), Scripts.checked("and more"), Scripts.succeeded());

            var events = new ArrayList<JsonNode>();
            var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                if (line.startsWith("data: ")) {
                    events.add(Client.JSON.readTree(line.substring("data: ".length())));
                    if (line.contains("run.succeeded")) {
                        break;
                    }
                }
            }
            var text = events.stream()
                    .filter(event -> event.path("type").asText().equals("agent.delta"))
                    .toList();
            assertThat(text).hasSizeBetween(10, said - 100);
            assertThat(text.stream()
                            .map(event -> event.path("data").path("offset").asInt()))
                    .isSorted();
            events.removeAll(text);
            assertThat(events.stream().map(event -> event.path("seq").asLong()))
                    .isEqualTo(LongStream.rangeClosed(1, 7).boxed().toList());
        }
    }
}

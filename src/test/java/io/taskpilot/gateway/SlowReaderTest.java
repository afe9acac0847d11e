package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.run.RunEvent;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@LongRunning
final class SlowReaderTest {
    private static final int READERS = 200;
    private static final int EVENTS = 1_000;
    private static final int EVENT_BYTES = 4_000;
    private static final Duration PAUSE = Duration.ofMillis(300);
    private static final String SLOW = "taskpilot_stream_closed_total{reason=\"slow_reader\",transport=\"%s\"}";

    private TestGateway server;

    @BeforeEach
    void start() throws Exception {
        server = new TestGateway(Authentication.none(), Duration.ofMillis(500), 2_000);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** A run whose events are more than a socket's buffers hold: 4 MB. */
    private UUID longRun() {
        var run = server.runs.accept("somebody");
        server.runs.append(run, new RunEvent.Started());
        server.runs.appendRaw(run, Collections.nCopies(EVENTS, Scripts.padded(EVENT_BYTES)));
        return run;
    }

    private static long usedHeap() {
        for (var i = 0; i < 3; i++) {
            System.gc();
        }
        var runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    /** Asks, and never reads. */
    private Socket stalled(String path, String... headers) throws Exception {
        var socket = new Socket();
        socket.setReceiveBufferSize(4_096);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.gateway.port()));
        var request = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n");
        for (var header : headers) {
            request.append(header).append("\r\n");
        }
        socket.getOutputStream().write(request.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    @Test
    void watchersThatStopReadingAreClosedAndHoldNoMemory() throws Exception {
        var run = longRun();
        var stalled = new ArrayList<Socket>();
        stall(run, 20, stalled); // what is loaded and pooled once is not the readers'
        var before = usedHeap();
        stall(run, READERS, stalled);

        assertThat(server.metric("taskpilot_stream_connections{transport=\"sse\"}"))
                .isZero();
        assertThat(server.metric("taskpilot_stream_dropped_events_total{kind=\"event\",transport=\"sse\"}"))
                .isPositive();
        server.await("connections cut", () -> server.gateway.connections().get() == 0);
        assertThat(usedHeap() - before).isLessThan(20L << 20);
        for (var socket : stalled) {
            socket.close();
        }
    }

    /** Has so many readers stall, and waits until they are closed. */
    private void stall(UUID run, int readers, List<Socket> stalled) throws Exception {
        for (var i = 0; i < readers; i++) {
            stalled.add(stalled("/v1/runs/run_" + run + "/events", "Accept: text/event-stream"));
        }

        server.awaitMetric(SLOW.formatted("sse"), stalled.size());
    }

    @Test
    void aSlowSocketIsClosedWithWhatItWasSent() throws Exception {
        var run = longRun();
        try (var socket = new io.taskpilot.gateway.Socket(server.vertx, server.url(), null)) {
            socket.pause();
            socket.send("{\"op\": \"subscribe\", \"id\": \"a\", \"run_id\": \"run_%s\"}".formatted(run));
            server.awaitMetric("taskpilot_stream_dropped_events_total{kind=\"event\",transport=\"websocket\"}", 1);

            socket.resume();

            assertThat(socket.closeCode()).isEqualTo(1013);
            var last = "";
            for (var frame : socket.received()) {
                last = frame.path("event").path("seq").asText(last);
            }
            assertThat(socket.closeReason()).isEqualTo("slow reader run_" + run + "=" + last);
        }
    }

    @Test
    void aSlowSocketThatNeverReadsAgainIsCut() throws Exception {
        var run = longRun();
        var socket = stalled(
                "/v1/ws",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        for (var seen = "";
                !seen.endsWith("\r\n\r\n");
                seen += (char) socket.getInputStream().read()) {
            assertThat(seen).hasSizeLessThan(1_000);
        }
        var text = "{\"op\": \"subscribe\", \"id\": \"a\", \"run_id\": \"run_%s\"}".formatted(run);
        var frame = new byte[6 + text.length()];
        frame[0] = (byte) 0x81;
        frame[1] = (byte) (0x80 | text.length()); // masked with zeros: the payload stays as it is
        System.arraycopy(text.getBytes(StandardCharsets.US_ASCII), 0, frame, 6, text.length());
        socket.getOutputStream().write(frame);

        server.awaitMetric("taskpilot_stream_dropped_events_total{kind=\"event\",transport=\"websocket\"}", 1);
        server.await("connection cut", () -> server.gateway.connections().get() == 0);

        server.awaitMetric(SLOW.formatted("websocket"), 1);
        assertThat(server.metric("taskpilot_stream_connections{transport=\"websocket\"}"))
                .isZero();
        socket.close();
    }

    @Test
    void anExportWaitsForItsReaderAndThenGivesUp() throws Exception {
        var run = longRun();
        var socket = stalled("/v1/runs/run_" + run + "/trace");

        server.awaitMetric("taskpilot_exports_cut_total{reason=\"slow_reader\"}", 1);

        socket.close();
    }

    /** Its pauses are longer together than the server is patient with a reader that takes nothing at all. */
    @Test
    void aReaderThatReadsSlowlyGetsEverything() throws Exception {
        server.close();
        server = new TestGateway(Authentication.none(), Duration.ofSeconds(4), 2_000);
        var run = longRun();
        server.runs.appendRaw(run, List.of(Scripts.succeeded()));
        var request = HttpRequest.newBuilder(URI.create(server.url() + "/v1/runs/run_" + run + "/events"))
                .header("Accept", "text/event-stream")
                .build();
        var ids = new ArrayList<String>();
        var client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1) // else the client's window would take all of it at once
                .build();
        var body = client.send(request, BodyHandlers.ofInputStream());

        try (var reader = new BufferedReader(new InputStreamReader(body.body(), StandardCharsets.UTF_8))) {
            for (var line = reader.readLine(); line != null; line = reader.readLine()) {
                if (line.startsWith("id:")) {
                    ids.add(line.substring(3).strip());
                    if (ids.size() % 50 == 0) {
                        LockSupport.parkNanos(PAUSE.toNanos());
                    }
                }
            }
        }

        assertThat(ids).hasSize(EVENTS + 3).last().isEqualTo(String.valueOf(EVENTS + 3));
    }
}

package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.Ids;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketFrame;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.function.Executable;

/**
 * What callers get wrong over a WebSocket, and how they are told: an error frame on a socket that goes on, or the close
 * code of RFC 6455. Needs a server's address, and a server without authentication; it submits a run.
 */
public final class BadFrames {
    /** Of this moment: an old one would be one that has expired. */
    private static final UUID UNKNOWN = Ids.at(System.currentTimeMillis(), new Random());

    private final Vertx vertx;
    private final String url;
    private final Client client;
    private final List<DynamicTest> tests = new ArrayList<>();
    private final String live;

    private BadFrames(Vertx vertx, String url) throws Exception {
        this.vertx = vertx;
        this.url = url;
        client = new Client(url);
        live = client.post("/v1/runs", "{\"input\": \"Create a low priority task\", \"require_approval\": true}")
                .json()
                .path("id")
                .asText();
    }

    /** A test for each case, against the server at {@code url}. */
    public static Stream<DynamicTest> of(Vertx vertx, String url) throws Exception {
        var frames = new BadFrames(vertx, url);
        frames.shapes();
        frames.fields();
        frames.closing();
        return frames.tests.stream();
    }

    private void shapes() {
        error("an empty frame", "", "caller-bad-json", null);
        error("not JSON", "hello", "caller-bad-json", null);
        error("two values", "{\"op\": \"ping\", \"id\": \"1\"}{}", "caller-bad-json", null);
        error("a key twice", "{\"op\": \"ping\", \"op\": \"ping\", \"id\": \"1\"}", "caller-bad-json", null);
        error("deep JSON", "[".repeat(100) + "]".repeat(100), "caller-invalid", "");
        error("an array", "[]", "caller-invalid", "");
        error("an empty object", "{}", "caller-invalid", "/op");
        error("no op", "{\"id\": \"1\"}", "caller-invalid", "/op");
        error("an unknown op", "{\"op\": \"drop\", \"id\": \"1\"}", "caller-invalid", "/op");
        error("an op that is a number", "{\"op\": 1, \"id\": \"1\"}", "caller-invalid", "/op");
        error("no id", "{\"op\": \"ping\"}", "caller-invalid", "/id");
        error(
                "an id that is too long",
                "{\"op\": \"ping\", \"id\": \"" + "x".repeat(65) + "\"}",
                "caller-invalid",
                "/id");
        error("an unknown field", "{\"op\": \"ping\", \"id\": \"1\", \"x\": 1}", "caller-invalid", "/x");
    }

    private void fields() {
        error("no input", "{\"op\": \"submit\", \"id\": \"1\"}", "caller-invalid", "/input");
        error("a number for an input", "{\"op\": \"submit\", \"id\": \"1\", \"input\": 1}", "caller-invalid", "/input");
        error(
                "an input that is too long",
                "{\"op\": \"submit\", \"id\": \"1\", \"input\": \"" + "x".repeat(32_001) + "\"}",
                "caller-invalid",
                "/input");
        error(
                "an idempotency key with a space",
                "{\"op\": \"submit\", \"id\": \"1\", \"input\": \"go\", \"idempotency_key\": \"a b\"}",
                "caller-invalid",
                "/idempotency_key");
        error("no run", "{\"op\": \"subscribe\", \"id\": \"1\"}", "caller-invalid", "/run_id");
        error(
                "a run id that is none",
                "{\"op\": \"cancel\", \"id\": \"1\", \"run_id\": \"42\"}",
                "caller-invalid",
                "/run_id");
        error("an unknown run", subscribe("run_" + UNKNOWN, "0"), "caller-not-found", null);
        error("a cursor beyond the end", subscribe(live, "99999"), "caller-bad-cursor", null);
        error("a cursor that is a word", subscribe(live, "\"one\""), "caller-invalid", "/after");
        error("a negative cursor", subscribe(live, "-1"), "caller-invalid", "/after");
        error(
                "unsubscribing from nothing",
                "{\"op\": \"unsubscribe\", \"id\": \"1\", \"run_id\": \"" + live + "\"}",
                "caller-not-found",
                null);
        error(
                "an answer that is none",
                "{\"op\": \"answer\", \"id\": \"1\", \"approval_id\": \"apr_" + UNKNOWN + "\", \"answer\": \"maybe\"}",
                "caller-invalid",
                "/answer");
        error(
                "an unknown approval",
                "{\"op\": \"answer\", \"id\": \"1\", \"approval_id\": \"apr_" + UNKNOWN
                        + "\", \"answer\": \"approve\"}",
                "caller-not-found",
                null);
    }

    private static String subscribe(String run, String after) {
        return "{\"op\": \"subscribe\", \"id\": \"1\", \"run_id\": \"%s\", \"after\": %s}".formatted(run, after);
    }

    private void closing() {
        var bad = Buffer.buffer(new byte[] {(byte) 0xC3, '('});
        closes(
                "bad UTF-8",
                1007,
                WebSocketFrame.textFrame("{\"op\": \"", false),
                WebSocketFrame.continuationFrame(bad, true));
        closes("a frame that is too big", 1009, WebSocketFrame.textFrame("x".repeat(300_000), true));
        var part = "x".repeat(100_000);
        closes(
                "a message that is too big in parts",
                1009,
                WebSocketFrame.textFrame(part, false),
                WebSocketFrame.continuationFrame(Buffer.buffer(part), false),
                WebSocketFrame.continuationFrame(Buffer.buffer(part), true));
        closes("a binary frame", 1003, WebSocketFrame.binaryFrame(Buffer.buffer("{}"), true));
    }

    private void add(String name, Executable test) {
        tests.add(DynamicTest.dynamicTest(name, () -> {
            test.execute();
            assertThat(client.get("/health/live").status()).isEqualTo(200);
        }));
    }

    private void error(String name, String frame, String slug, @Nullable String pointer) {
        add(name, () -> {
            try (var socket = new Socket(vertx, url, null)) {
                socket.send(frame);
                var error = socket.next();
                assertThat(error.path("op").asText()).as(error.toString()).isEqualTo("error");
                assertThat(error.path("problem").path("type").asText()).isEqualTo("/problems/" + slug);
                if (pointer != null) {
                    assertThat(error.path("problem").path("errors").findValuesAsText("pointer"))
                            .contains(pointer);
                }
                socket.send("{\"op\": \"ping\", \"id\": \"after\"}");
                assertThat(socket.next().path("op").asText()).isEqualTo("pong");
            }
        });
    }

    private void closes(String name, int code, WebSocketFrame... frames) {
        add(name, () -> {
            try (var socket = new Socket(vertx, url, null)) {
                for (var frame : frames) {
                    socket.send(frame);
                }
                assertThat(socket.closeCode()).isEqualTo(code);
            }
        });
    }
}

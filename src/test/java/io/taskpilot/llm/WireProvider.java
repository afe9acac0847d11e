package io.taskpilot.llm;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A model provider on a real socket of the loopback. Each request is answered by the next script, and by the last one
 * once they are used up. Scripts that answer do so in the form the request asks for: a stream or one document.
 */
public final class WireProvider implements AutoCloseable {
    /** One way to answer. Runs on the server's event loop. */
    @FunctionalInterface
    public interface Script {
        void play(Received request, HttpServerResponse response);
    }

    /** A request as it came in. */
    public record Received(MultiMap headers, JsonObject body) {
        boolean wantsStream() {
            return body.getBoolean("stream", false);
        }
    }

    /** @param arguments the JSON text */
    public record Call(String name, String arguments) {}

    private final HttpServer server;
    private final Queue<Script> scripts = new ConcurrentLinkedQueue<>();
    private final List<Received> received = new CopyOnWriteArrayList<>();
    private final Promise<Void> firstRequest = Promise.promise();
    private final Promise<Void> firstConnection = Promise.promise();
    private final Promise<Void> firstClose = Promise.promise();

    private WireProvider(Vertx vertx, List<Script> scripts) throws Exception {
        this.scripts.addAll(scripts);
        // With HTTP/2 enabled, a connection only shows with its first byte.
        var options = new HttpServerOptions().setHttp2ClearTextEnabled(false);
        server = vertx.createHttpServer(options)
                .connectionHandler(connection -> {
                    firstConnection.tryComplete();
                    connection.closeHandler(unused -> firstClose.tryComplete());
                })
                .requestHandler(request -> request.body().onSuccess(body -> {
                    var asked = new Received(request.headers(), body.toJsonObject());
                    received.add(asked);
                    next().play(asked, request.response());
                    firstRequest.tryComplete();
                }))
                .listen(0, "127.0.0.1")
                .await(5, SECONDS);
    }

    public static WireProvider start(Vertx vertx, Script... scripts) throws Exception {
        return new WireProvider(vertx, List.of(scripts));
    }

    private synchronized Script next() {
        var script = scripts.size() > 1 ? scripts.poll() : scripts.peek();
        return script == null ? text("ok") : script;
    }

    /** What {@code llm.baseUrl} has to be. */
    public URI baseUrl() {
        return URI.create("http://127.0.0.1:" + server.actualPort() + "/v1");
    }

    public List<Received> received() {
        return received;
    }

    /** Once a request has come in whole, and its script has begun. */
    public Future<Void> firstRequest() {
        return firstRequest.future();
    }

    public Future<Void> firstConnection() {
        return firstConnection.future();
    }

    /** Once a connection has been closed, by whichever side. */
    public Future<Void> firstClose() {
        return firstClose.future();
    }

    @Override
    public void close() throws TimeoutException {
        server.close().await(5, SECONDS);
    }

    /** A whole answer: three fragments of text, or calls in two fragments each, with usage 7 and 5. */
    public static Script text(String text, Call... calls) {
        return (request, response) -> {
            if (request.wantsStream()) {
                events(response).end(stream(text, calls));
            } else {
                document(response).end(completion(text, calls).toBuffer());
            }
        };
    }

    /** As {@link #text}, from a model that says what it is called. */
    public static Script servedBy(String model, String text, Call... calls) {
        return (request, response) -> document(response)
                .end(completion(text, calls).put("model", model).toBuffer());
    }

    /** As {@link #text}, but every byte is a chunk of its own. */
    public static Script byteByByte(String text, Call... calls) {
        return (request, response) -> {
            var streaming = request.wantsStream();
            var body = streaming
                    ? Buffer.buffer(stream(text, calls))
                    : completion(text, calls).toBuffer();
            var to = streaming ? events(response) : document(response);
            to.setChunked(true);
            for (var i = 0; i < body.length(); i++) {
                to.write(body.slice(i, i + 1));
            }
            to.end();
        };
    }

    /** Pieces of text that are sent once {@code after} completes. */
    public record Part(Future<Void> after, List<String> pieces) {}

    /** A streamed text, each piece an event and a write of its own. */
    public static Script paced(Part... parts) {
        return (request, response) -> {
            events(response).setChunked(true);
            var said = Future.<Void>succeededFuture();
            for (var part : parts) {
                said = said.compose(unused -> part.after())
                        .onSuccess(unused -> part.pieces()
                                .forEach(piece -> response.write(delta(new JsonObject().put("content", piece), null))));
            }
            said.onSuccess(unused -> response.end(delta(new JsonObject(), "stop") + "data: [DONE]\n\n"));
        };
    }

    /** The first bytes of a whole answer, then the connection is gone. */
    public static Script cut(int bytes, String text, Call... calls) {
        return (request, response) -> {
            var streaming = request.wantsStream();
            var body = streaming
                    ? Buffer.buffer(stream(text, calls))
                    : completion(text, calls).toBuffer();
            var to = (streaming ? events(response) : document(response)).setChunked(true);
            to.write(body.slice(0, Math.min(bytes, body.length()))).onComplete(unused -> response.reset());
        };
    }

    /** Exactly this, and a clean end. */
    public static Script raw(int status, String contentType, String body) {
        return (request, response) -> response.setStatusCode(status)
                .putHeader("content-type", contentType)
                .end(body);
    }

    /** An error in OpenAI's form. */
    public static Script error(int status, String type, String code, String... headers) {
        return (request, response) -> {
            for (var i = 0; i < headers.length; i += 2) {
                response.putHeader(headers[i], headers[i + 1]);
            }
            var error = new JsonObject()
                    .put("message", "told by " + request.headers().get("authorization"))
                    .put("type", type)
                    .put("code", code);
            document(response)
                    .setStatusCode(status)
                    .end(new JsonObject().put("error", error).toBuffer());
        };
    }

    /** Never answers. */
    public static Script silence() {
        return (request, response) -> {};
    }

    /** Begins an answer and then keeps the connection open without a word. */
    public static Script stall(String begin) {
        return (request, response) -> events(response).setChunked(true).write(begin);
    }

    /** Goes away without a word. */
    public static Script hangUp() {
        return (request, response) -> response.reset();
    }

    private static HttpServerResponse events(HttpServerResponse response) {
        return response.putHeader("content-type", "text/event-stream; charset=utf-8");
    }

    private static HttpServerResponse document(HttpServerResponse response) {
        return response.putHeader("content-type", "application/json");
    }

    /** The stream of a whole answer. */
    static String stream(String text, Call... calls) {
        var out = new StringBuilder(": hello\n\n");
        out.append(delta(new JsonObject().put("role", "assistant").put("content", ""), null));
        var third = text.offsetByCodePoints(0, text.codePointCount(0, text.length()) / 3);
        out.append(delta(new JsonObject().put("content", text.substring(0, third)), null));
        out.append(delta(new JsonObject().put("content", text.substring(third)), null));
        for (var i = 0; i < calls.length; i++) {
            var half = calls[i].arguments().length() / 2;
            var head = fragment(i, calls[i].arguments().substring(0, half));
            head.put("id", "wire_" + i)
                    .put("type", "function")
                    .getJsonObject("function")
                    .put("name", calls[i].name());
            out.append(delta(new JsonObject().put("tool_calls", new JsonArray().add(head)), null));
        }
        for (var i = calls.length - 1; i >= 0; i--) {
            var half = calls[i].arguments().length() / 2;
            var tail = fragment(i, calls[i].arguments().substring(half));
            out.append(delta(new JsonObject().put("tool_calls", new JsonArray().add(tail)), null));
        }
        out.append(delta(new JsonObject(), calls.length == 0 ? "stop" : "tool_calls"));
        var last = new JsonObject().put("choices", new JsonArray()).put("usage", usage());
        return out.append("data: ")
                .append(last.encode())
                .append("\n\ndata: [DONE]\n\n")
                .toString();
    }

    private static JsonObject fragment(int index, String arguments) {
        return new JsonObject().put("index", index).put("function", new JsonObject().put("arguments", arguments));
    }

    /** One event of a stream. */
    static String delta(JsonObject delta, @Nullable String finish) {
        var choice = new JsonObject().put("index", 0).put("delta", delta).put("finish_reason", finish);
        return "data: "
                + new JsonObject().put("choices", new JsonArray().add(choice)).encode() + "\n\n";
    }

    private static JsonObject completion(String text, Call... calls) {
        var made = IntStream.range(0, calls.length)
                .mapToObj(i -> new JsonObject()
                        .put("id", "wire_" + i)
                        .put("type", "function")
                        .put(
                                "function",
                                new JsonObject().put("name", calls[i].name()).put("arguments", calls[i].arguments())))
                .toList();
        var message = new JsonObject().put("role", "assistant").put("content", text.isEmpty() ? null : text);
        if (!made.isEmpty()) {
            message.put("tool_calls", new JsonArray(made));
        }
        var choice = new JsonObject()
                .put("index", 0)
                .put("message", message)
                .put("finish_reason", made.isEmpty() ? "stop" : "tool_calls");
        return new JsonObject().put("choices", new JsonArray().add(choice)).put("usage", usage());
    }

    private static JsonObject usage() {
        return new JsonObject().put("prompt_tokens", 7).put("completion_tokens", 5);
    }
}

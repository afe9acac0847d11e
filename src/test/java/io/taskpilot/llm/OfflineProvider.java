package io.taskpilot.llm;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.engine.ChatModel.Function;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.engine.ChatModel.Role;
import io.taskpilot.llm.WireProvider.Call;
import io.taskpilot.outside.OutsideProcess;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * A provider in a process of its own that streams, as OpenAI's does, what the offline model would say; on a port that it
 * keeps, to be killed, stopped and started again.
 */
public final class OfflineProvider extends OutsideProcess {
    private OfflineProvider() {
        super(unusedPort());
    }

    public static OfflineProvider start() {
        var provider = new OfflineProvider();
        provider.launch();
        return provider;
    }

    /** The process: its argument is the port. */
    public static void main(String[] args) throws Exception {
        Vertx.vertx()
                .createHttpServer()
                .requestHandler(asked -> asked.body().onSuccess(body -> {
                    var said = new OfflineScript(request(body.toJsonObject())).answer();
                    asked.response()
                            .putHeader("Content-Type", "text/event-stream")
                            .end(WireProvider.stream(said.text(), calls(said)));
                }))
                .listen(Integer.parseInt(args[0]), "127.0.0.1")
                .await(30, SECONDS);
    }

    private static Call[] calls(OfflineScript.Said said) {
        return said.calls().stream()
                .map(call -> new Call(call.name(), call.arguments()))
                .toArray(Call[]::new);
    }

    private static Request request(JsonObject body) {
        var messages = objects(body.getJsonArray("messages")).stream()
                .map(OfflineProvider::message)
                .toList();
        var functions = objects(body.getJsonArray("tools", new JsonArray())).stream()
                .map(tool -> tool.getJsonObject("function"))
                .map(function -> new Function(
                        function.getString("name"),
                        function.getString("description"),
                        function.getJsonObject("parameters").getMap()))
                .toList();
        return new Request(body.getString("model"), messages, functions, null, 0, 1);
    }

    private static Message message(JsonObject json) {
        var calls = objects(json.getJsonArray("tool_calls", new JsonArray())).stream()
                .map(call -> {
                    var function = call.getJsonObject("function");
                    return new FunctionCall(
                            call.getString("id"), function.getString("name"), function.getString("arguments"));
                })
                .toList();
        var text = json.getString("content") == null ? "" : json.getString("content");
        var role = Role.valueOf(json.getString("role").toUpperCase(Locale.ROOT));
        return new Message(role, text, calls, json.getString("tool_call_id"));
    }

    private static List<JsonObject> objects(JsonArray array) {
        return IntStream.range(0, array.size()).mapToObj(array::getJsonObject).toList();
    }

    @Override
    protected List<String> command() {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                OfflineProvider.class.getName(),
                String.valueOf(port()));
    }

    @Override
    protected boolean isReady() throws IOException {
        return accepts(port());
    }
}

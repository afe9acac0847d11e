package io.taskpilot.gateway;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.json.schema.Draft;
import io.vertx.json.schema.JsonSchema;
import io.vertx.json.schema.JsonSchemaOptions;
import io.vertx.json.schema.OutputFormat;
import io.vertx.json.schema.OutputUnit;
import io.vertx.json.schema.Validator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What every answer that a test receives is held to: {@code openapi.yaml}. */
final class Contract {
    private static final JsonObject DOCUMENT = read();
    private static final Map<String, Validator> SCHEMA_TO_VALIDATOR = new ConcurrentHashMap<>();

    private Contract() {}

    private static JsonObject read() {
        try (var in = Objects.requireNonNull(Contract.class.getResourceAsStream("/openapi.yaml"))) {
            var tree = new YAMLMapper().readTree(in);
            return new JsonObject(new ObjectMapper().writeValueAsString(tree));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Fails when the answer is not one that the contract has for the operation; unknown paths have none. */
    static void check(String method, String path, Client.Answer answer) {
        var operation = operation(method, path);
        if (operation == null) {
            return;
        }
        var responses = operation.getJsonObject("responses");
        var status = String.valueOf(answer.status());
        var response = resolve(
                responses.containsKey(status)
                        ? responses.getJsonObject(status)
                        : answer.status() >= 400 ? responses.getJsonObject("default") : null);
        if (response == null) {
            throw new AssertionError(method + " " + path + ": no answer " + status + " in the contract");
        }
        var type = answer.header("content-type").split(";", 2)[0];
        var content = response.getJsonObject("content");
        if (content == null || !content.containsKey(type)) {
            if (answer.body().isEmpty()) {
                return;
            }
            throw new AssertionError(method + " " + path + " " + status + ": no " + type + " in the contract");
        }
        if (type.endsWith("json") && !type.endsWith("ndjson")) {
            var schema = content.getJsonObject(type).getJsonObject("schema");
            validate(method + " " + path + " " + status, schema, answer.body());
        }
    }

    private static @Nullable JsonObject operation(String method, String path) {
        var bare = path.split("\\?", 2)[0];
        for (var entry : DOCUMENT.getJsonObject("paths")) {
            var pattern = entry.getKey().replaceAll("\\{\\w+}", "[^/]+");
            var exact = entry.getKey().equals(bare);
            if (exact
                    || (bare.matches(pattern)
                            && !DOCUMENT.getJsonObject("paths").containsKey(bare))) {
                return ((JsonObject) entry.getValue()).getJsonObject(method.toLowerCase(Locale.ROOT));
            }
        }
        return null;
    }

    private static @Nullable JsonObject resolve(@Nullable JsonObject object) {
        return object == null || !object.containsKey("$ref") ? object : at(object.getString("$ref"));
    }

    private static JsonObject at(String reference) {
        var object = DOCUMENT;
        for (var segment : reference.substring(2).split("/", -1)) {
            object = Objects.requireNonNull(object.getJsonObject(segment), reference);
        }
        return object;
    }

    private static void validate(String what, JsonObject schema, String json) {
        var validator = SCHEMA_TO_VALIDATOR.computeIfAbsent(
                schema.encode(),
                unused -> Validator.create(
                        JsonSchema.of((JsonObject) inlined(schema)),
                        new JsonSchemaOptions()
                                .setBaseUri("app://contract/")
                                .setDraft(Draft.DRAFT202012)
                                .setOutputFormat(OutputFormat.Basic)));
        var result = validator.validate(new JsonObject(json));
        if (!result.getValid()) {
            var errors = Objects.requireNonNullElse(result.getErrors(), List.<OutputUnit>of());
            throw new AssertionError(what + " does not fit the contract:\n"
                    + errors.stream()
                            .map(error -> error.getInstanceLocation() + " " + error.getError())
                            .collect(Collectors.joining("\n"))
                    + "\n" + json);
        }
    }

    /** No schema here contains itself, so every reference can be replaced by what it names. */
    private static Object inlined(Object value) {
        if (value instanceof JsonObject object) {
            if (object.containsKey("$ref")) {
                return inlined(at(object.getString("$ref")));
            }
            var copy = new LinkedHashMap<String, Object>();
            object.forEach(entry -> copy.put(entry.getKey(), inlined(entry.getValue())));
            return new JsonObject(copy);
        }
        if (value instanceof JsonArray array) {
            var copy = new ArrayList<Object>();
            array.forEach(item -> copy.add(inlined(item)));
            return new JsonArray(copy);
        }
        return value;
    }
}

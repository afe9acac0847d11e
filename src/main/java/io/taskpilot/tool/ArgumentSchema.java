package io.taskpilot.tool;

import io.vertx.core.json.JsonObject;
import io.vertx.json.schema.Draft;
import io.vertx.json.schema.JsonSchema;
import io.vertx.json.schema.JsonSchemaOptions;
import io.vertx.json.schema.OutputFormat;
import io.vertx.json.schema.Validator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Checks a call's arguments against its tool's JSON Schema (Draft 2020-12). */
public final class ArgumentSchema {
    private static final int MAX_MISTAKES = 10;

    private ArgumentSchema() {}

    /** A function that lists what is wrong with arguments, at most ten things; safe to share between event loops. */
    public static Function<Map<String, Object>, List<String>> check(Map<String, Object> schema) {
        var options = new JsonSchemaOptions()
                .setDraft(Draft.DRAFT202012)
                .setBaseUri("urn:taskpilot")
                .setOutputFormat(OutputFormat.Basic);
        // the library writes into the schema it is given
        var validator = Validator.create(JsonSchema.of(new JsonObject(schema).copy()), options);
        return arguments -> mistakes(validator, arguments);
    }

    private static List<String> mistakes(Validator validator, Map<String, Object> arguments) {
        var output = validator.validate(new JsonObject(arguments));
        if (Boolean.TRUE.equals(output.getValid())) {
            return List.of();
        }
        var errors = output.getErrors();
        return errors == null || errors.isEmpty()
                ? List.of("they do not fit the tool's schema")
                : errors.stream()
                        .map(error -> error.getInstanceLocation() + ": " + error.getError())
                        .distinct()
                        .limit(MAX_MISTAKES)
                        .toList();
    }
}

package io.taskpilot.tool;

import io.vertx.core.json.JsonObject;
import io.vertx.json.schema.Draft;
import io.vertx.json.schema.JsonSchema;
import io.vertx.json.schema.JsonSchemaOptions;
import io.vertx.json.schema.OutputFormat;
import io.vertx.json.schema.OutputUnit;
import io.vertx.json.schema.SchemaException;
import io.vertx.json.schema.Validator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Checks the arguments of a tool against its JSON Schema (Draft 2020-12), compiled once. Safe to share between event
 * loops, as long as the schema has no references.
 */
public final class ArgumentSchema implements Function<Map<String, Object>, List<String>> {
    private static final int MAX_MISTAKES = 10;

    private final Validator validator;

    /** @param parameters of a {@code Tool.Spec} */
    public ArgumentSchema(Map<String, Object> parameters) {
        var options = new JsonSchemaOptions()
                .setBaseUri("app://taskpilot")
                .setDraft(Draft.DRAFT202012)
                .setOutputFormat(OutputFormat.Basic);
        // a copy, since the validator writes its bookkeeping into the schema
        validator = Validator.create(JsonSchema.of(new JsonObject(parameters).copy()), options);
    }

    /** What is wrong with the arguments, with JSON pointers and without their values; empty when nothing is. */
    public List<String> check(Map<String, Object> arguments) {
        OutputUnit result;
        try {
            result = validator.validate(new JsonObject(arguments));
        } catch (SchemaException e) {
            return List.of("not checkable: " + e.getMessage());
        }
        if (result.getValid()) {
            return List.of();
        }
        return List.copyOf(
                mistakes(result).values().stream().limit(MAX_MISTAKES).toList());
    }

    @Override
    public List<String> apply(Map<String, Object> arguments) {
        return check(arguments);
    }

    /**
     * The mistakes by place. The validator reports each a second time as one of the enclosing object, under {@code
     * properties} and {@code additionalProperties}; where the latter stands alone, the property is not a known one.
     */
    private static Map<String, String> mistakes(OutputUnit result) {
        var mistakes = new LinkedHashMap<String, String>();
        for (var error : result.getErrors()) {
            var place = error.getInstanceLocation().replaceFirst("^#", "");
            var keyword = error.getKeywordLocation().replaceFirst(".*/", "");
            if (keyword.equals("additionalProperties")) {
                mistakes.putIfAbsent(place, place + ": not a known property");
            } else if (!keyword.equals("properties")) {
                mistakes.put(place, place + ": " + error.getError());
            }
        }
        return mistakes;
    }
}

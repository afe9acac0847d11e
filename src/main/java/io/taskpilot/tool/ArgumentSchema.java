package io.taskpilot.tool;

import io.taskpilot.resilience.Failure.Violation;
import io.taskpilot.run.StorableText;
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
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Checks the arguments of a tool against its JSON Schema (Draft 2020-12), compiled once. Safe to share between event
 * loops, as long as the schema has no references.
 */
public final class ArgumentSchema implements Function<Map<String, Object>, List<Violation>> {
    private static final int MAX_MISTAKES = 10;
    private static final int MAX_PLACE = 200;

    private static final Pattern NAME = Pattern.compile("\"(.*)\"$");

    private final Validator validator;
    private final String known;

    /** @param parameters of a {@code Tool.Spec}, none of them an object */
    public ArgumentSchema(Map<String, Object> parameters) {
        var options = new JsonSchemaOptions()
                .setBaseUri("app://taskpilot")
                .setDraft(Draft.DRAFT202012)
                .setOutputFormat(OutputFormat.Basic);
        // a copy, since the validator writes its bookkeeping into the schema
        validator = Validator.create(JsonSchema.of(new JsonObject(parameters).copy()), options);
        var properties = new JsonObject(parameters).getJsonObject("properties", new JsonObject());
        known = String.join(", ", new TreeSet<>(properties.fieldNames()));
    }

    /** What is wrong with the arguments, without their values; empty when nothing is. */
    public List<Violation> check(Map<String, Object> arguments) {
        OutputUnit result;
        try {
            result = validator.validate(new JsonObject(arguments));
        } catch (SchemaException e) {
            return List.of(new Violation("", "not checkable: " + e.getMessage()));
        }
        if (result.getValid()) {
            return List.of();
        }
        return mistakes(result).entrySet().stream()
                .limit(MAX_MISTAKES)
                .map(mistake -> new Violation(mistake.getKey(), mistake.getValue()))
                .toList();
    }

    @Override
    public List<Violation> apply(Map<String, Object> arguments) {
        return check(arguments);
    }

    /**
     * The mistakes by JSON pointer. The validator reports each a second time as one of the enclosing object, under {@code
     * properties} and {@code additionalProperties}; where the latter stands alone, the property is not a known one.
     */
    private Map<String, String> mistakes(OutputUnit result) {
        var mistakes = new LinkedHashMap<String, String>();
        for (var error : result.getErrors()) {
            var place = StorableText.cut(error.getInstanceLocation().replaceFirst("^#", ""), MAX_PLACE);
            var keyword = error.getKeywordLocation().replaceFirst(".*/", "");
            var name = NAME.matcher(error.getError());
            if (keyword.equals("additionalProperties")) {
                mistakes.putIfAbsent(place, "unknown (expected: " + known + ")");
            } else if (keyword.equals("required") && name.find()) {
                mistakes.put(place + "/" + name.group(1), "missing");
            } else if (!keyword.equals("properties")) {
                mistakes.put(place, error.getError());
            }
        }
        return mistakes;
    }
}

package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.StreamSupport;

/**
 * A span as a collector has it.
 *
 * @param parentId empty for a root
 * @param kind as in {@code CLIENT}
 * @param attributes as texts
 * @param links ids of spans
 * @param failed whether its status is an error
 * @param message of its status
 * @param resource of the process that made it
 */
record SeenSpan(
        String traceId,
        String spanId,
        String parentId,
        String name,
        String kind,
        Map<String, String> attributes,
        List<String> links,
        boolean failed,
        String message,
        int events,
        Map<String, String> resource,
        long start,
        long end) {

    String node() {
        return resource.getOrDefault("service.instance.id", "");
    }

    String attribute(String name) {
        return attributes.getOrDefault(name, "");
    }

    static List<SeenSpan> of(ExportTraceServiceRequest request) {
        var spans = new ArrayList<SeenSpan>();
        for (var resourceSpans : request.getResourceSpansList()) {
            var resource = attributes(resourceSpans.getResource().getAttributesList());
            for (var scope : resourceSpans.getScopeSpansList()) {
                scope.getSpansList().forEach(span -> spans.add(of(span, resource)));
            }
        }
        return spans;
    }

    private static SeenSpan of(Span span, Map<String, String> resource) {
        return new SeenSpan(
                hex(span.getTraceId()),
                hex(span.getSpanId()),
                hex(span.getParentSpanId()),
                span.getName(),
                span.getKind().name().replace("SPAN_KIND_", ""),
                attributes(span.getAttributesList()),
                span.getLinksList().stream().map(link -> hex(link.getSpanId())).toList(),
                span.getStatus().getCode() == Status.StatusCode.STATUS_CODE_ERROR,
                span.getStatus().getMessage(),
                span.getEventsCount(),
                resource,
                span.getStartTimeUnixNano(),
                span.getEndTimeUnixNano());
    }

    private static String hex(ByteString bytes) {
        return HexFormat.of().formatHex(bytes.toByteArray());
    }

    private static Map<String, String> attributes(List<KeyValue> pairs) {
        var attributes = new TreeMap<String, String>();
        pairs.forEach(pair -> attributes.put(pair.getKey(), text(pair.getValue())));
        return attributes;
    }

    private static String text(AnyValue value) {
        return switch (value.getValueCase()) {
            case STRING_VALUE -> value.getStringValue();
            case INT_VALUE -> Long.toString(value.getIntValue());
            case DOUBLE_VALUE -> Double.toString(value.getDoubleValue());
            case BOOL_VALUE -> Boolean.toString(value.getBoolValue());
            case ARRAY_VALUE ->
                value.getArrayValue().getValuesList().stream()
                        .map(SeenSpan::text)
                        .toList()
                        .toString();
            default -> value.toString();
        };
    }

    /** Of a line that a collector's file exporter wrote (OTLP as JSON). */
    static List<SeenSpan> of(JsonNode line) {
        var spans = new ArrayList<SeenSpan>();
        for (var resourceSpans : line.path("resourceSpans")) {
            var resource = attributes(resourceSpans.path("resource").path("attributes"));
            for (var scope : resourceSpans.path("scopeSpans")) {
                scope.path("spans").forEach(span -> spans.add(of(span, resource)));
            }
        }
        return spans;
    }

    private static SeenSpan of(JsonNode span, Map<String, String> resource) {
        return new SeenSpan(
                id(span.path("traceId").asText()),
                id(span.path("spanId").asText()),
                id(span.path("parentSpanId").asText()),
                span.path("name").asText(),
                kind(span.path("kind")),
                attributes(span.path("attributes")),
                StreamSupport.stream(span.path("links").spliterator(), false)
                        .map(link -> id(link.path("spanId").asText()))
                        .toList(),
                span.path("status").path("code").asInt() == Status.StatusCode.STATUS_CODE_ERROR_VALUE,
                span.path("status").path("message").asText(),
                span.path("events").size(),
                resource,
                span.path("startTimeUnixNano").asLong(),
                span.path("endTimeUnixNano").asLong());
    }

    /** Hex as OTLP's JSON has it; base64 as plain protobuf would. */
    private static String id(String text) {
        var isHex = text.matches("([0-9a-fA-F]{16}){0,2}");
        return isHex
                ? text.toLowerCase(Locale.ROOT)
                : HexFormat.of().formatHex(Base64.getDecoder().decode(text));
    }

    private static String kind(JsonNode kind) {
        var name = kind.isInt() ? String.valueOf(Span.SpanKind.forNumber(kind.asInt())) : kind.asText();
        return name.replace("SPAN_KIND_", "");
    }

    private static Map<String, String> attributes(JsonNode pairs) {
        var attributes = new TreeMap<String, String>();
        for (var pair : pairs) {
            var value = pair.path("value");
            attributes.put(
                    pair.path("key").asText(),
                    value.has("arrayValue")
                            ? value.toString()
                            : value.path(only(value)).asText());
        }
        return attributes;
    }

    private static String only(JsonNode value) {
        return value.fieldNames().hasNext() ? value.fieldNames().next() : "";
    }
}

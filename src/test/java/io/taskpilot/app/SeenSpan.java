package io.taskpilot.app;

import com.google.protobuf.ByteString;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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
}

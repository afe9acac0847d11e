package io.taskpilot.telemetry;

import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.logstash.logback.composite.AbstractJsonProvider;
import org.jspecify.annotations.Nullable;

/** A line in the names and the order of the Elastic Common Schema, so that no pipeline has to rename anything. */
public final class EcsFields extends AbstractJsonProvider<ILoggingEvent> {
    private static final String ECS_VERSION = "8.11.0";
    private static final String DATASET = "event.dataset";
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    private final Service service;
    private final ThrowableProxyConverter stackTraces = new ThrowableProxyConverter();

    public EcsFields(Service service) {
        this.service = service;
    }

    @Override
    public void start() {
        stackTraces.start();
        super.start();
    }

    @Override
    public void writeTo(JsonGenerator json, ILoggingEvent event) throws IOException {
        var pairs = pairs(event);
        json.writeStringField("@timestamp", TIME.format(Instant.ofEpochMilli(event.getTimeStamp())));
        json.writeStringField("log.level", event.getLevel().toString());
        json.writeStringField("message", event.getFormattedMessage());
        json.writeStringField("ecs.version", ECS_VERSION);
        json.writeStringField("service.name", service.name());
        json.writeStringField("service.version", service.version());
        json.writeStringField("service.environment", service.environment());
        json.writeStringField("service.node.name", service.node());
        json.writeStringField(DATASET, String.valueOf(pairs.getOrDefault(DATASET, "taskpilot.log")));
        json.writeStringField("process.thread.name", event.getThreadName());
        json.writeStringField("log.logger", event.getLoggerName());
        pairs.remove(DATASET);
        for (var field : event.getMDCPropertyMap().entrySet()) {
            if (!pairs.containsKey(field.getKey())) { // who says it about the line knows it better
                json.writeStringField(field.getKey(), field.getValue());
            }
        }
        for (var pair : pairs.entrySet()) {
            write(json, pair.getKey(), pair.getValue());
        }
        thrown(json, event);
    }

    private static Map<String, @Nullable Object> pairs(ILoggingEvent event) {
        var pairs = new LinkedHashMap<String, @Nullable Object>();
        var given = event.getKeyValuePairs();
        if (given != null) {
            given.forEach(pair -> pairs.put(pair.key, pair.value));
        }
        return pairs;
    }

    private static void write(JsonGenerator json, String name, @Nullable Object value) throws IOException {
        if (value instanceof Long || value instanceof Integer) {
            json.writeNumberField(name, ((Number) value).longValue());
        } else if (value instanceof Double number) {
            json.writeNumberField(name, number);
        } else if (value instanceof List<?> list) {
            json.writeArrayFieldStart(name);
            for (var item : list) {
                json.writeString(String.valueOf(item));
            }
            json.writeEndArray();
        } else if (value != null && !"".equals(value)) {
            json.writeStringField(name, String.valueOf(value));
        }
    }

    private void thrown(JsonGenerator json, ILoggingEvent event) throws IOException {
        var thrown = event.getThrowableProxy();
        if (thrown != null) {
            json.writeStringField("error.type", thrown.getClassName());
            write(json, "error.message", thrown.getMessage());
            json.writeStringField("error.stack_trace", stackTraces.convert(event));
        }
    }
}

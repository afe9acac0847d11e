package io.taskpilot.llm;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Reads server-sent events as they come, however they are cut into chunks (WHATWG HTML, "Interpreting an event stream").
 * Lines are found in the bytes and decoded whole, so that no character is split. An event that its blank line does not
 * end is never reported. {@code retry} is not read: a model's answer is not asked for twice.
 */
final class SseParser {
    /** @param type {@code message} where the stream names none */
    record Event(String type, String data, String lastEventId) {}

    /** A line or an event is longer than allowed; the stream can't be read on. */
    static final class TooLong extends RuntimeException {
        private static final long serialVersionUID = 1L;

        TooLong(int max) {
            super("a server-sent event of over %d bytes".formatted(max), null, false, false);
        }
    }

    private final int max;
    private final Consumer<Event> sink;

    private byte[] line = new byte[256];
    private int length;
    private boolean first = true;
    private boolean afterCr;
    private final StringBuilder data = new StringBuilder();
    private int dataBytes;
    private String type = "";
    private String lastEventId = "";

    /** @param max bytes of a line, and of an event's data */
    SseParser(int max, Consumer<Event> sink) {
        this.max = max;
        this.sink = sink;
    }

    /** @throws TooLong and must not be called again after it */
    void feed(Buffer chunk) {
        for (var i = 0; i < chunk.length(); i++) {
            var b = chunk.getByte(i);
            if (b == '\n' && afterCr) {
                afterCr = false;
            } else if (b == '\n' || b == '\r') {
                afterCr = b == '\r';
                endLine();
            } else {
                afterCr = false;
                append(b);
            }
        }
    }

    private void append(byte b) {
        if (length == max) {
            throw new TooLong(max);
        }
        if (length == line.length) {
            line = Arrays.copyOf(line, Math.min(max, length * 2));
        }
        line[length++] = b;
    }

    private void endLine() {
        var bom = first && length >= 3 && line[0] == (byte) 0xEF && line[1] == (byte) 0xBB && line[2] == (byte) 0xBF;
        var from = bom ? 3 : 0;
        var text = new String(line, from, length - from, StandardCharsets.UTF_8);
        var bytes = length;
        first = false;
        length = 0;
        if (text.isEmpty()) {
            dispatch();
            return;
        }
        var colon = text.indexOf(':');
        if (colon == 0) {
            return; // a comment
        }
        var field = colon < 0 ? text : text.substring(0, colon);
        var value = colon < 0 ? "" : text.substring(colon + 1);
        read(field, value.startsWith(" ") ? value.substring(1) : value, bytes);
    }

    private void read(String field, String value, int bytes) {
        switch (field) {
            case "data" -> {
                dataBytes += bytes;
                if (dataBytes > max) {
                    throw new TooLong(max);
                }
                data.append(value).append('\n');
            }
            case "event" -> type = value;
            case "id" -> lastEventId = value.indexOf('\0') < 0 ? value : lastEventId;
            default -> {
                // the standard has unknown fields ignored
            }
        }
    }

    private void dispatch() {
        if (!data.isEmpty()) {
            data.setLength(data.length() - 1);
            sink.accept(new Event(type.isEmpty() ? "message" : type, data.toString(), lastEventId));
        }
        data.setLength(0);
        dataBytes = 0;
        type = "";
    }
}

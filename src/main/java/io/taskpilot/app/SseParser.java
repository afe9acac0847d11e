package io.taskpilot.app;

import org.jspecify.annotations.Nullable;

/** Server-Sent Events, line by line (WHATWG HTML, section 9.2.6). */
final class SseParser {
    /**
     * @param id null when the event has none
     * @param type {@code message} when the server named none
     */
    record Event(@Nullable String id, String type, String data) {}

    private final StringBuilder data = new StringBuilder();
    private @Nullable String id;
    private String type = "";
    private boolean hasData;

    /** @return the event that this line completes, else null */
    @Nullable
    Event line(String line) {
        if (line.isEmpty()) {
            return dispatch();
        }
        var colon = line.indexOf(':');
        if (colon == 0) {
            return null; // a comment: keep-alive
        }
        var field = colon < 0 ? line : line.substring(0, colon);
        var value = colon < 0 ? "" : line.substring(colon + 1);
        take(field, value.startsWith(" ") ? value.substring(1) : value);
        return null;
    }

    private void take(String field, String value) {
        switch (field) {
            case "data" -> {
                data.append(hasData ? "\n" : "").append(value);
                hasData = true;
            }
            case "event" -> type = value;
            case "id" -> id = value.indexOf('\0') < 0 ? value : id;
            default -> {} // retry, and what later servers may send
        }
    }

    private @Nullable Event dispatch() {
        var event = hasData ? new Event(id, type.isEmpty() ? "message" : type, data.toString()) : null;
        data.setLength(0);
        hasData = false;
        type = "";
        id = null;
        return event;
    }
}

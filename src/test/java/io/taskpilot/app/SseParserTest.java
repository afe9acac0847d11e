package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.app.SseParser.Event;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Examples of WHATWG HTML, section 9.2.6, and what our server sends. */
class SseParserTest {

    @Test
    void anEventEndsWithAnEmptyLine() {
        assertThat(parse("id: 7", "event: run.started", "data: {}", ""))
                .containsExactly(new Event("7", "run.started", "{}"));
    }

    @Test
    void linesOfDataAreJoinedAndOneSpaceIsDropped() {
        assertThat(parse("data:  two", "data:three", "", "data", "data", ""))
                .containsExactly(new Event(null, "message", " two\nthree"), new Event(null, "message", "\n"));
    }

    @Test
    void commentsUnknownFieldsAndEventsWithoutDataAreNothing() {
        assertThat(parse(": keep-alive", "", "retry: 2000", "", "id: 1", "", "color: red", "event: x", ""))
                .isEmpty();
    }

    @Test
    void whatIsNotEndedIsNotAnEvent() {
        assertThat(parse("id: 7", "data: {\"half")).isEmpty();
    }

    @Test
    void typeAndIdAreOfTheirOwnEventOnly() {
        assertThat(parse("id: 1", "event: a", "data: x", "", "data: y", ""))
                .containsExactly(new Event("1", "a", "x"), new Event(null, "message", "y"));
    }

    private static List<Event> parse(String... lines) {
        var parser = new SseParser();
        var events = new ArrayList<Event>();
        for (var line : lines) {
            var event = parser.line(line);
            if (event != null) {
                events.add(event);
            }
        }
        return events;
    }
}

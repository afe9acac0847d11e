package io.taskpilot.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.llm.SseParser.Event;
import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class SseParserTest {
    private static final int MAX = 1 << 16;

    private static List<Event> parse(byte[] bytes, List<Integer> sizes) {
        var events = new ArrayList<Event>();
        var parser = new SseParser(MAX, events::add);
        var at = 0;
        for (var size : sizes) {
            var end = Math.min(bytes.length, at + size);
            parser.feed(Buffer.buffer(Arrays.copyOfRange(bytes, at, end)));
            at = end;
        }
        parser.feed(Buffer.buffer(Arrays.copyOfRange(bytes, at, bytes.length)));
        return events;
    }

    private static List<Event> parse(String stream) {
        return parse(stream.getBytes(StandardCharsets.UTF_8), List.of());
    }

    private static Event message(String data) {
        return new Event("message", data, "");
    }

    @Test
    void examplesOfTheStandardAreReadAsItSays() {
        assertThat(parse("data: YHOO\ndata: +2\ndata: 10\n\n")).containsExactly(message("YHOO\n+2\n10"));
        assertThat(parse(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"))
                .containsExactly(new Event("message", "first event", "1"), new Event("message", "second event", ""));
        assertThat(parse("data\n\ndata\ndata\n\ndata:")).containsExactly(message(""), message("\n"));
        assertThat(parse("data:test\n\ndata: test\n\n")).containsExactly(message("test"), message("test"));
        assertThat(parse("event: add\ndata: 73\n\nevent: x\n\ndata: 1\n\n"))
                .containsExactly(new Event("add", "73", ""), message("1"));
    }

    @Test
    void everyKindOfLineEndCounts() {
        assertThat(parse("data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\ndata: e\n\r\n"))
                .containsExactly(message("a"), message("b"), message("c"), message("d"), message("e"));
    }

    @Test
    void oneMarkAtTheStartIsIgnoredAndNoOther() {
        assertThat(parse("\uFEFFdata: a\n\n\uFEFFdata: b\n\n")).containsExactly(message("a"));
        assertThat(parse("\uFEFF\uFEFFdata: a\n\n")).isEmpty();
        assertThat(parse("\uFEFF\ndata: \uFEFF\n\n")).containsExactly(message("\uFEFF"));
    }

    @Test
    void fieldsAreReadToTheLetter() {
        assertThat(parse("Data: a\n data: b\ndata : c\nretry: 5\nfoo: d\ndata: e: f\n\n"))
                .containsExactly(message("e: f"));
        assertThat(parse("id: a\u0000b\nid: 7\nid: x\u0000\ndata: a\n\n"))
                .containsExactly(new Event("message", "a", "7"));
    }

    @Test
    void badUtf8IsReplaced() {
        var bytes = new byte[] {'d', 'a', 't', 'a', ':', (byte) 0xE2, (byte) 0x82, '\n', '\n'};
        assertThat(parse(bytes, List.of())).containsExactly(message("\uFFFD"));
    }

    @Test
    void lineAndEventAreBounded() {
        var parser = new SseParser(10, event -> {});
        parser.feed(Buffer.buffer("data:12345\n\ndata:12345\n"));
        assertThatThrownBy(() -> parser.feed(Buffer.buffer("data:1\n"))).isInstanceOf(SseParser.TooLong.class);
        assertThatThrownBy(() -> new SseParser(10, event -> {}).feed(Buffer.buffer(":1234567890")))
                .isInstanceOf(SseParser.TooLong.class);
    }

    @Property
    void anyChunkingOfAnyStreamGivesTheSameEvents(
            @ForAll("streams") String stream, @ForAll("sizes") List<Integer> sizes) {
        var bytes = stream.getBytes(StandardCharsets.UTF_8);

        assertThat(parse(bytes, sizes)).isEqualTo(reference(stream));
    }

    @Property
    void anyChunkingOfAnyBytesGivesTheSameEvents(@ForAll byte[] bytes, @ForAll("sizes") List<Integer> sizes) {
        assertThat(parse(bytes, sizes)).isEqualTo(parse(bytes, List.of()));
    }

    /** The standard once more, on a whole text instead of chunks. */
    private static List<Event> reference(String stream) {
        var events = new ArrayList<Event>();
        var whole = stream.startsWith("\uFEFF") ? stream.substring(1) : stream;
        var lines = whole.split("\r\n|\n|\r", -1);
        List<String> data = new ArrayList<>();
        var type = "";
        var id = "";
        for (var i = 0; i < lines.length - 1; i++) { // what follows the last line end is no line
            var colon = lines[i].indexOf(':');
            var field = colon < 0 ? lines[i] : lines[i].substring(0, colon);
            var value = colon < 0 ? "" : lines[i].substring(colon + 1).replaceFirst("^ ", "");
            if (lines[i].isEmpty()) {
                if (!data.isEmpty()) {
                    events.add(new Event(type.isEmpty() ? "message" : type, String.join("\n", data), id));
                }
                data = new ArrayList<>();
                type = "";
            } else if (field.equals("data")) {
                data.add(value);
            } else if (field.equals("event")) {
                type = value;
            } else if (field.equals("id") && !value.contains("\0")) {
                id = value;
            }
        }
        return events;
    }

    @Provide
    Arbitrary<String> streams() {
        var ends = Arbitraries.of("\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "\r\r");
        var texts = Arbitraries.of("", " ", "a", " b ", ":", "é", "🚀", "\uFEFF", "\0", "[DONE]", "{\"x\": \"ü\"}");
        var fields =
                Arbitraries.of("data:", "data: ", "data", "event:", "id: ", "id", ":", "retry:", "x", "", "\uFEFF");
        return Combinators.combine(fields, texts, ends)
                .as((field, text, end) -> field + text + end)
                .list()
                .ofMaxSize(30)
                .map(lines -> String.join("", lines));
    }

    @Provide
    Arbitrary<List<Integer>> sizes() {
        return Arbitraries.integers().between(0, 7).list().ofMaxSize(200);
    }
}

package io.taskpilot.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Paths select what they say, and nothing beside it. */
class JsonPathTest {
    private static final String MASK = "\u2588";

    @Example
    void whatIsNoPathOfMembersIsRefused() {
        for (var text : List.of(
                "",
                "$",
                "$.",
                "$..",
                "$...a",
                "a",
                ".a",
                "$a",
                "$.a.",
                "$.a b",
                "$.1a",
                "$[0]",
                "$[a]",
                "$['']",
                "$['a",
                "$['a']b",
                "$[\"a\"]",
                "$['a','b']",
                "$[?@.a]",
                "$..*",
                "$..[*]",
                "$.a[1:2]",
                "$ .a",
                "$.a\n",
                "$.a\\u0000",
                "$." + "a".repeat(199))) {
            assertThat(JsonPath.parse(text)).as(text).isNull();
        }
    }

    @Example
    void whatIsAPathIsKeptAsItWasWritten() {
        for (var text : List.of(
                "$.a",
                "$.parameters.message",
                "$..password",
                "$['a b']",
                "$['\u00fc']",
                "$[*]",
                "$.*",
                "$..a.b[*]['c']")) {
            assertThat(JsonPath.parse(text)).as(text).hasToString(text).isEqualTo(JsonPath.parse(text));
        }
    }

    /** The oracle writes each place of the value down and asks a regular expression. */
    @Property(tries = 5_000)
    void exactlyTheSelectedIsMasked(@ForAll("paths") List<String> steps, @ForAll("documents") Object document) {
        var path = Objects.requireNonNull(JsonPath.parse("$" + String.join("", steps)));
        var selected = Pattern.compile(steps.stream().map(JsonPathTest::pattern).collect(Collectors.joining()));
        var expected = new ArrayList<String>();
        places(document, "", (place, leaf) -> {
            var end = firstSelected(selected, place);
            var line = end < 0 ? place + "=" + leaf : place.substring(0, end) + "=" + MASK;
            if (!expected.contains(line)) {
                expected.add(line);
            }
        });

        var masked = new ArrayList<String>();
        places(
                Objects.requireNonNull(path.masked(document, MASK)),
                "",
                (place, leaf) -> masked.add(place + "=" + leaf));

        assertThat(masked).containsExactlyElementsOf(expected);
    }

    /** A place is {@code /name} or {@code #index} for each step down. */
    private static String pattern(String step) {
        if (step.equals(".*") || step.equals("[*]")) {
            return "[/#][^/#]+";
        }
        var name = "/" + step.replaceAll("[^a-z]", "");
        return step.startsWith("..") ? "(?:[/#][^/#]+)*" + name : name;
    }

    /** Where the shortest selected place on the way to this one ends; -1 for none. */
    private static int firstSelected(Pattern selected, String place) {
        for (var end = 1; end <= place.length(); end++) {
            var whole = end == place.length() || place.charAt(end) == '/' || place.charAt(end) == '#';
            if (whole && selected.matcher(place.substring(0, end)).matches()) {
                return end;
            }
        }
        return -1;
    }

    private static void places(Object json, String place, BiConsumer<String, Object> each) {
        if (json instanceof Map<?, ?> map && !map.isEmpty()) {
            map.forEach((name, value) -> places(value, place + "/" + name, each));
        } else if (json instanceof List<?> list && !list.isEmpty()) {
            for (var i = 0; i < list.size(); i++) {
                places(list.get(i), place + "#" + i, each);
            }
        } else {
            each.accept(place, json);
        }
    }

    @Provide
    Arbitrary<List<String>> paths() {
        return Arbitraries.of(".a", ".b", "['a']", "['b']", "..a", "..b", ".*", "[*]")
                .list()
                .ofMinSize(1)
                .ofMaxSize(4);
    }

    @Provide
    Arbitrary<Object> documents() {
        return documents(4);
    }

    private static Arbitrary<Object> documents(int depth) {
        Arbitrary<Object> leaf = Arbitraries.of("x", 1, true, "long text");
        if (depth == 0) {
            return leaf;
        }
        var below = Arbitraries.lazy(() -> documents(depth - 1));
        Arbitrary<Object> maps = Arbitraries.maps(Arbitraries.of("a", "b", "c"), below)
                .ofMaxSize(3)
                .map(map -> map);
        Arbitrary<Object> lists = below.list().ofMaxSize(3).map(list -> list);
        return Arbitraries.oneOf(leaf, maps, maps, lists);
    }
}

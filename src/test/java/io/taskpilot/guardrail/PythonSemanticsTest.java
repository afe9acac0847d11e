package io.taskpilot.guardrail;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a NeMo Guardrails server does with a pattern is Python's {@code re.search}: here it is asked. */
class PythonSemanticsTest {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    private static final String SCRIPT = """
            import json, re, sys
            asked = json.load(sys.stdin)
            flags = re.IGNORECASE if asked["case_insensitive"] else 0
            compiled = [re.compile(pattern, flags) for pattern in asked["patterns"]]
            print(json.dumps([[p.search(text) is not None for text in asked["texts"]] for p in compiled]))
            """;

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);
    private final AnyText texts = new AnyText(random);

    @BeforeAll
    static void pythonIsThere() {
        try {
            ask(List.of("a"), false, List.of("a"));
        } catch (IOException e) {
            Tool.missing("python3 does not run: " + e.getMessage());
        }
    }

    @Test
    void shippedPatternsFindTheSameInBothEngines() throws Exception {
        var asked = Stream.of(
                        Corpus.INJECTIONS.stream(),
                        Corpus.SECRETS.stream(),
                        Corpus.HARMLESS.stream(),
                        generate(800, texts::mutant),
                        generate(1200, texts::salad))
                .flatMap(Function.identity())
                .toList();
        var detection = new YAMLMapper()
                .readTree(EmbeddedGuardrailsTest.SHIPPED.resolve("config.yml").toFile())
                .at("/rails/config/regex_detection");

        for (var direction : List.of("input", "output")) {
            var patterns = new ArrayList<String>();
            detection.path(direction).path("patterns").forEach(pattern -> patterns.add(pattern.textValue()));
            assertSame(
                    patterns, detection.path(direction).path("case_insensitive").booleanValue(), asked);
        }
    }

    @Test
    void anyPatternOfTheSubsetFindsTheSameInBothEngines() throws Exception {
        for (var caseInsensitive : List.of(true, false)) {
            var patterns = generate(300, () -> pattern(2))
                    .map(pattern -> random.nextInt(4) == 0 ? "(?:" + pattern + "|$)" : pattern)
                    .toList();
            assertSame(patterns, caseInsensitive, generate(300, this::shortText).toList());
        }
    }

    private void assertSame(List<String> patterns, boolean caseInsensitive, List<String> texts) throws IOException {
        var expected = ask(patterns, caseInsensitive, texts);
        for (var p = 0; p < patterns.size(); p++) {
            var ours = new RailPattern(patterns.get(p), caseInsensitive);
            for (var t = 0; t < texts.size(); t++) {
                var text = texts.get(t);
                var found = ours.isFoundIn(caseInsensitive ? RailPattern.folded(text) : text);
                if (found != expected.get(p).get(t)) {
                    fail(
                            "seed %d, pattern %s, case-insensitive %s: Python and we differ on %s",
                            seed, patterns.get(p), caseInsensitive, JSON.writeValueAsString(text));
                }
            }
        }
    }

    private static List<List<Boolean>> ask(List<String> patterns, boolean caseInsensitive, List<String> texts)
            throws IOException {
        var python = new ProcessBuilder("python3", "-c", SCRIPT)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (var in = python.getOutputStream()) {
            JSON.writeValue(in, Map.of("patterns", patterns, "case_insensitive", caseInsensitive, "texts", texts));
        }
        var answer = new String(python.getInputStream().readAllBytes(), UTF_8);
        try {
            if (!python.waitFor(60, TimeUnit.SECONDS) || python.exitValue() != 0) {
                throw new IllegalStateException("python3 did not answer: " + answer);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } finally {
            python.destroyForcibly();
        }
        return JSON.readerForListOf(List.class).readValue(answer);
    }

    private static <T> Stream<T> generate(int count, Supplier<T> maker) {
        return IntStream.range(0, count).mapToObj(i -> maker.get()).toList().stream();
    }

    private String shortText() {
        var text = new StringBuilder();
        for (var i = random.nextInt(8); i > 0; i--) {
            text.append(any(List.of(
                    "a",
                    "k",
                    "K",
                    "s",
                    "S",
                    "i",
                    "I",
                    "\u0131",
                    "\u0130",
                    "\u017f",
                    "\u212a",
                    "\n",
                    " ",
                    "0",
                    "-",
                    "\\",
                    "\u00e9",
                    "\ud83d\ude00",
                    "\udc00")));
        }
        return text.toString();
    }

    private String pattern(int depth) {
        var pattern = new StringBuilder();
        for (var i = random.nextInt(3); i >= 0; i--) {
            if (random.nextInt(12) == 0) {
                pattern.append('^');
            } else {
                pattern.append(atom(depth))
                        .append(
                                random.nextInt(3) == 0
                                        ? any(List.of("*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"))
                                        : "");
            }
        }
        return pattern.toString();
    }

    private String atom(int depth) {
        return switch (random.nextInt(depth > 0 ? 6 : 3)) {
            case 0 -> any(List.of("a", "k", "K", "s", "I", "i", "0", " ", "\\n", "\\-", "\\\\", "-"));
            case 1 ->
                any(List.of("[a-k]", "[^a-k]", "[^i]", "[KS]", "[^\\n]", "[0-9a]", "[ -~]", "[^A-Z0-9]", "[H-J]"));
            case 2 -> any(List.of(".", "a", "k"));
            case 3 -> "(?:" + pattern(depth - 1) + "|" + pattern(depth - 1) + ")";
            case 4 -> "(" + pattern(depth - 1) + ")";
            default -> "(?:" + pattern(depth - 1) + ")";
        };
    }

    private <T> T any(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }
}

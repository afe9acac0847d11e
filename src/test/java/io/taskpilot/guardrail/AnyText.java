package io.taskpilot.guardrail;

import java.util.List;
import java.util.Random;

/** Makes texts that come close to what the shipped patterns look for. */
final class AnyText {
    private static final List<String> WORDS = List.of(
            "ignore",
            "disregard",
            "forget",
            "all",
            "the",
            "your",
            "previous",
            "prior",
            "above",
            "instructions",
            "rules",
            "system",
            "prompt",
            "reveal",
            "print",
            "show",
            "me",
            "developer",
            "mode",
            "enable",
            "act",
            "as",
            "dan",
            "you",
            "are",
            "now",
            "without",
            "any",
            "restrictions",
            "disable",
            "safety",
            "filters",
            "password",
            "api key",
            "=",
            ":",
            "sk-",
            "ghp_",
            "AKIA",
            "xoxb-",
            "eyJ",
            "-----BEGIN ",
            "PRIVATE KEY",
            "-----",
            "4111",
            "1111",
            "378282",
            "246310005",
            "abcdefgh12345678",
            "\u0131",
            "\u0130",
            "\u017f",
            "\u212a",
            "\n",
            "\r\n",
            "\\n",
            "\\r",
            "\t",
            "\u00a0",
            "\u200b",
            "\"",
            "'",
            "://",
            "@",
            "\ud83d\ude00",
            "\ud800",
            "\u00e9",
            "0",
            "Z");

    private final Random random;

    AnyText(Random random) {
        this.random = random;
    }

    /** A text of the corpus with a few characters changed. */
    String mutant() {
        var text = new StringBuilder(any(Corpus.judged()));
        for (var i = random.nextInt(4); i >= 0 && text.length() > 1; i--) {
            var at = random.nextInt(text.length());
            switch (random.nextInt(4)) {
                case 0 -> text.deleteCharAt(at);
                case 1 -> text.insert(at, any(WORDS));
                case 2 -> text.setCharAt(at, Character.toUpperCase(text.charAt(at)));
                default -> text.setCharAt(at, any(WORDS).charAt(0));
            }
        }
        return text.toString();
    }

    String salad() {
        var text = new StringBuilder();
        for (var i = random.nextInt(12); i >= 0; i--) {
            text.append(any(WORDS)).append(random.nextInt(3) == 0 ? "" : " ");
        }
        return text.toString();
    }

    private String any(List<String> choices) {
        return choices.get(random.nextInt(choices.size()));
    }
}

package io.taskpilot.engine;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/** Texts as models write them, in pieces of any length: halves of surrogate pairs in any order and U+0000 among them. */
final class AnyPieces {
    private static final List<String> UNITS =
            List.of("a", "b", " ", "\n", "é", "\0", "\uD83D", "\uDE00", "\uD83D\uDE00");

    private AnyPieces() {}

    static Arbitrary<String> texts(int most) {
        return Arbitraries.of(UNITS).list().ofMaxSize(most).map(units -> String.join("", units));
    }

    /** The text, cut where {@code lengths} say and then wherever it ends. */
    static List<String> cut(String text, List<Integer> lengths) {
        var pieces = new ArrayList<String>();
        var from = 0;
        for (var i = 0; from < text.length(); i++) {
            var length = lengths.isEmpty() ? text.length() : lengths.get(i % lengths.size());
            var to = Math.min(text.length(), from + length);
            pieces.add(text.substring(from, to));
            from = to;
        }
        return pieces;
    }

    static Arbitrary<List<String>> pieces(int most) {
        var lengths = Arbitraries.integers().between(1, 40).list().ofMinSize(1).ofMaxSize(8);
        return Combinators.combine(texts(most), lengths).as(AnyPieces::cut);
    }

    /** No half of a pair at either end. */
    static boolean isWhole(String text) {
        return text.isEmpty()
                || (!Character.isLowSurrogate(text.charAt(0))
                        && !Character.isHighSurrogate(text.charAt(text.length() - 1)));
    }
}

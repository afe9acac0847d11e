package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.StorableText;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class StreamWindowTest {
    private static final int SMALLEST = 2;
    private static final int LARGEST = 40;

    /** A text, a window, and what the rail forbids, no longer than the window. */
    record Case(List<String> pieces, int size, String forbidden) {
        String text() {
            return String.join("", pieces);
        }
    }

    @Provide
    Arbitrary<Case> cases() {
        var pieces = AnyPieces.pieces(150)
                .map(written -> written.stream().map(StorableText::clean).toList());
        var sizes = Arbitraries.integers().between(SMALLEST, LARGEST);
        var where = Arbitraries.integers().between(0, 10_000);
        return Combinators.combine(pieces, sizes, where, where).as((written, size, at, length) -> {
            var text = String.join("", written);
            // of the text itself, so that it is there, once or often, anywhere
            var from = text.isEmpty() ? 0 : at % text.length();
            var to = Math.min(text.length(), from + 1 + length % size);
            return new Case(written, size, text.isEmpty() ? "none" : text.substring(from, to));
        });
    }

    /** What leaves while the rail passes all that does not hold {@code forbidden}; nothing is taken any more once it did not. */
    private static List<String> left(StreamWindow window, List<String> pieces, String forbidden, int slowness) {
        var left = new ArrayList<String>();
        var turn = 0;
        for (var piece : pieces) {
            window.add(piece);
            if (window.isDue() && turn++ % slowness == 0) {
                if (window.next().contains(forbidden)) {
                    return left;
                }
                left.add(window.passed());
            }
        }
        return left;
    }

    @Property
    void nothingOfWhatIsForbiddenLeavesAndNothingAfterIt(
            @ForAll("cases") Case of, @ForAll @IntRange(min = 1, max = 4) int slowness) {
        var left = String.join("", left(new StreamWindow(of.size()), of.pieces(), of.forbidden(), slowness));

        assertThat(of.text()).startsWith(left);
        if (of.text().contains(of.forbidden())) {
            assertThat(left).hasSizeLessThanOrEqualTo(of.text().indexOf(of.forbidden()));
        }
    }

    @Property
    void allOfItLeavesInTheEndAndNoPairIsCut(
            @ForAll("cases") Case of, @ForAll @IntRange(min = 1, max = 4) int slowness) {
        var window = new StreamWindow(of.size());
        var left = new ArrayList<>(left(window, of.pieces(), "nowhere", slowness));
        left.add(window.rest());

        assertThat(String.join("", left)).isEqualTo(of.text());
        assertThat(left).allMatch(AnyPieces::isWhole);
        assertThat(window.waiting()).isZero();
    }

    /** The rail sees each piece that leaves with a window before it and after it, and never much more. */
    @Property
    void whatLeavesWasJudgedWithAWindowAroundIt(@ForAll("cases") Case of) {
        var window = new StreamWindow(of.size());
        var gone = 0;
        var came = 0;
        for (var piece : of.pieces()) {
            window.add(piece);
            came += piece.length();
            if (window.isDue()) {
                var part = window.next();
                var leaving = window.passed();

                assertThat(of.text().substring(0, came)).endsWith(part);
                assertThat(AnyPieces.isWhole(part)).isTrue();
                assertThat(came - part.length()).isLessThanOrEqualTo(Math.max(0, gone - of.size()));
                assertThat(came).isGreaterThanOrEqualTo(gone + leaving.length() + of.size());
                assertThat(part.length()).isLessThanOrEqualTo(leaving.length() + 2 * of.size() + 2);
                gone += leaving.length();
            }
        }
    }

    @Test
    void halfAWindowMoreIsWorthALook() {
        var window = new StreamWindow(4);

        window.add("12345");
        assertThat(window.isDue()).isFalse();
        window.add("6");
        assertThat(window.isDue()).isTrue();
        assertThat(window.next()).isEqualTo("123456");
        assertThat(window.passed()).isEqualTo("12");
        assertThat(window.isDue()).isFalse();
        window.add("78");
        assertThat(window.next()).isEqualTo("12345678");
        assertThat(window.passed()).isEqualTo("34");
        window.add("90");
        assertThat(window.next()).isEqualTo("1234567890");
        assertThat(window.passed()).isEqualTo("56");
        window.add("ab");
        assertThat(window.next()).isEqualTo("34567890ab");
        assertThat(window.rest()).isEqualTo("7890ab");
    }

    /** A border between two halves of one character would be the second's end, or the first's beginning. */
    @Test
    void aPairAtABorderStaysWhole() {
        var window = new StreamWindow(2);

        window.add("a\uD83D\uDE00bc");
        assertThat(window.next()).isEqualTo("a\uD83D\uDE00bc");
        assertThat(window.passed()).isEqualTo("a\uD83D\uDE00");
        window.add("d");
        assertThat(window.next()).isEqualTo("\uD83D\uDE00bcd");
        assertThat(window.passed()).isEqualTo("b");
        window.add("e");
        assertThat(window.next()).isEqualTo("\uD83D\uDE00bcde");
        assertThat(window.passed()).isEqualTo("c");
        window.add("fg");
        assertThat(window.next()).isEqualTo("bcdefg");
    }
}

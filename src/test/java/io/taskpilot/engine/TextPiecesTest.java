package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.StorableText;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class TextPiecesTest {
    @Provide
    Arbitrary<List<String>> pieces() {
        return Arbitraries.oneOf(AnyPieces.pieces(60), AnyPieces.pieces(4_000));
    }

    /** What leaves, one after the other. */
    private static List<String> through(List<String> written) {
        var pieces = new TextPieces();
        var left = new ArrayList<String>();
        for (var piece : written) {
            left.addAll(pieces.gather(pieces.whole(piece)));
        }
        left.addAll(pieces.gather(pieces.end()));
        left.add(pieces.flush());
        return left;
    }

    @Property
    void whatLeavesIsTheTextOfTheJournalInPiecesThatFit(@ForAll("pieces") List<String> written) {
        var left = through(written);

        assertThat(String.join("", left)).isEqualTo(StorableText.clean(String.join("", written)));
        assertThat(left).allMatch(AnyPieces::isWhole).allMatch(piece -> piece.length() <= AgentDelta.MOST_CHARS);
        assertThat(left.subList(0, left.size() - 1))
                .allMatch(piece -> piece.length() >= AgentDelta.MOST_CHARS - 1); // full, but for a pair at its end
    }

    /** The first of two halves that begin a character has no other half; the second has. */
    @Test
    void twoBeginningsInARowAreOneLostAndOneWhole() {
        var pieces = new TextPieces();

        assertThat(pieces.whole("a\uD83D")).isEqualTo("a");
        assertThat(pieces.whole("\uD83D")).isEqualTo("\uFFFD");
        assertThat(pieces.whole("\uDE00b")).isEqualTo("\uD83D\uDE00b");
        assertThat(pieces.whole("\uD83D")).isEmpty();
        assertThat(pieces.end()).isEqualTo("\uFFFD");
        assertThat(pieces.end()).isEmpty();
    }

    @Test
    void aPairThatALimitWouldCutGoesWithTheNextPiece() {
        var pieces = new TextPieces();
        var before = "x".repeat(AgentDelta.MOST_CHARS - 1);

        assertThat(pieces.gather(before + "\uD83D\uDE00")).containsExactly(before);
        assertThat(pieces.flush()).isEqualTo("\uD83D\uDE00");
    }
}

package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class StorableTextTest {

    @Property
    void whatIsCleanSurvivesUtf8AndHasNoNul(@ForAll("anyUnits") String text) {
        var clean = StorableText.clean(text);

        assertThat(clean).hasSameSizeAs(text).doesNotContain("\0");
        assertThat(new String(clean.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8))
                .isEqualTo(clean);
    }

    @Property
    void onlyWhatCannotBeKeptChanges(@ForAll("anyUnits") String text) {
        var clean = StorableText.clean(text);

        for (var i = 0; i < text.length(); i++) {
            var c = text.charAt(i);
            if (c != 0 && !Character.isSurrogate(c)) {
                assertThat(clean.charAt(i)).isEqualTo(c);
            }
        }
        assertThat(StorableText.clean(clean)).isSameAs(clean);
    }

    @Property
    void aCutIsAPrefixWithoutHalfACharacter(
            @ForAll("anyUnits") String text, @ForAll @IntRange(min = 1, max = 20) int chars) {
        var clean = StorableText.clean(text);
        var cut = StorableText.cut(clean, chars);

        assertThat(clean).startsWith(cut);
        assertThat(cut.length()).isBetween(Math.min(clean.length(), chars - 1), chars);
        assertThat(StorableText.clean(cut)).isSameAs(cut);
    }

    /** Halves of pairs and U+0000 are rare among all characters, so they are asked for. */
    @Provide
    Arbitrary<String> anyUnits() {
        var chars = Arbitraries.oneOf(
                Arbitraries.of('\0', '\uD83D', '\uDE00', '\uFFFD', 'a'),
                Arbitraries.chars().range('\uD800', '\uDFFF'),
                Arbitraries.chars().all());
        return chars.list().ofMaxSize(30).map(units -> {
            var text = new StringBuilder();
            units.forEach(text::append);
            return text.toString();
        });
    }
}

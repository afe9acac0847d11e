package io.taskpilot.guardrail;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Guardrails.Verdict;
import java.io.IOException;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.StringLength;

class RegexRailPropertyTest {
    private final RailsFile.Rails rails;

    RegexRailPropertyTest() throws IOException {
        rails = RailsFile.read(EmbeddedGuardrailsTest.SHIPPED);
    }

    @Property(tries = 500)
    void anyTextHasAVerdict(@ForAll @StringLength(max = 3000) String text) {
        assertThat(rails.input().check(text)).isNotNull();
        assertThat(rails.output().check(text)).isNotNull();
    }

    @Property(tries = 500)
    void noTextAroundItHidesWhatIsBlocked(
            @ForAll @StringLength(max = 2000) String before,
            @ForAll("blocked") String blocked,
            @ForAll @StringLength(max = 2000) String after) {
        assertThat(rails.input().check(before + "\n" + blocked + "\n" + after)).isInstanceOf(Verdict.Blocked.class);
    }

    @Provide
    Arbitrary<String> blocked() {
        return Arbitraries.of(Stream.concat(Corpus.INJECTIONS.stream(), Corpus.SECRETS.stream())
                .toList());
    }
}

package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.SignalMessage.Kind;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SignalMessageTest {
    private static final int NOTIFICATION = 8_000;

    @Provide
    Arbitrary<SignalMessage> messages() {
        var senders = Arbitraries.longs().map("%016x"::formatted);
        var ids = Combinators.combine(Arbitraries.longs(), Arbitraries.longs()).as(UUID::new);
        var changed = Combinators.combine(senders, ids.list().ofMinSize(1).ofMaxSize(SignalMessage.MOST_IDS))
                .as((sender, runs) -> new SignalMessage(sender, Kind.CHANGED, runs));
        var cancel = Combinators.combine(senders, ids)
                .as((sender, run) -> new SignalMessage(sender, Kind.CANCEL, List.of(run)));
        var bare = Combinators.combine(senders, Arbitraries.of(Kind.CLAIMABLE, Kind.ECHO))
                .as((sender, kind) -> new SignalMessage(sender, kind, List.of()));
        return Arbitraries.oneOf(changed, cancel, bare);
    }

    @Property
    void whatIsWrittenIsReadAndFitsANotification(@ForAll("messages") SignalMessage message) {
        var text = message.text();

        assertThat(SignalMessage.parse(text)).contains(message);
        assertThat(text.getBytes(StandardCharsets.UTF_8)).hasSizeLessThan(NOTIFICATION);
    }

    /** What is read is exactly what would be written: a text that was tampered with is another message, or none. */
    @Property
    void nothingElseIsRead(
            @ForAll("messages") SignalMessage message,
            @ForAll @IntRange(max = NOTIFICATION) int where,
            @ForAll char instead) {
        var text = message.text();
        var at = where % text.length();
        var tampered = text.substring(0, at) + instead + text.substring(at + 1);

        SignalMessage.parse(tampered)
                .ifPresent(other -> assertThat(other.text()).isEqualTo(tampered));
        assertThat(SignalMessage.parse(text.substring(0, at)).filter(message::equals))
                .isEmpty();
    }

    @Property
    void anyTextIsReadOrNot(@ForAll String text) {
        SignalMessage.parse(text)
                .ifPresent(message -> assertThat(message.text()).isEqualTo(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1 00000000000000ab changed",
                "1 00000000000000ab claimable 01930000-0000-7000-8000-000000000009",
                "1 00000000000000ab cancel 01930000-0000-7000-8000-000000000009 01930000-0000-7000-8000-000000000009",
                "1 00000000000000ab cancel 1-1-1-1-1",
                "1 00000000000000AB echo",
                "1 00000000000000ab echo ",
                "2 00000000000000ab echo",
                "1 00000000000000ab unheard-of"
            })
    void whatNoNodeOfThisReleaseSaysIsNotRead(String text) {
        assertThat(SignalMessage.parse(text)).isEmpty();
    }
}

package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.Agent;
import io.taskpilot.run.StorableText;
import java.nio.charset.StandardCharsets;
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

class TextMessageTest {
    private static final int POST = 7_900;
    private static final String RUN = "01930000-0000-7000-8000-000000000009";

    @Provide
    Arbitrary<TextMessage> messages() {
        var senders = Arbitraries.longs().map("%016x"::formatted);
        var ids = Combinators.combine(Arbitraries.longs(), Arbitraries.longs()).as(UUID::new);
        var seqs = Arbitraries.longs().between(1, 999_999_999_999_999_999L);
        var offsets = Arbitraries.integers().between(0, 999_999_999);
        var texts = Arbitraries.oneOf(
                        Arbitraries.strings().ofMinLength(1).ofMaxLength(AgentDelta.MOST_CHARS),
                        AnyPieces.texts(600).filter(text -> !text.isEmpty()))
                .map(StorableText::clean);
        return Combinators.combine(senders, ids, seqs, Arbitraries.of(Agent.class), offsets, texts)
                .as((sender, id, seq, agent, offset, text) ->
                        new TextMessage(sender, new AgentDelta(id, seq, agent, offset, text)));
    }

    @Property
    void whatIsWrittenIsReadAndFits(@ForAll("messages") TextMessage message) {
        var bytes = message.text().getBytes(StandardCharsets.UTF_8);

        assertThat(TextMessage.parse(new String(bytes, StandardCharsets.UTF_8))).contains(message);
        assertThat(bytes).hasSizeLessThan(POST);
        assertThat(SignalMessage.parse(message.text())).isEmpty();
    }

    @Property
    void nothingElseIsRead(
            @ForAll("messages") TextMessage message, @ForAll @IntRange(max = POST) int where, @ForAll char instead) {
        var text = message.text();
        var at = where % text.length();
        var tampered = text.substring(0, at) + instead + text.substring(at + 1);

        TextMessage.parse(tampered).ifPresent(other -> assertThat(other.text()).isEqualTo(tampered));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1 00000000000000ab text",
                "1 00000000000000ab text " + RUN + " 1 ExecutorAgent 0 ",
                "1 00000000000000ab text " + RUN + " 0 ExecutorAgent 0 a",
                "1 00000000000000ab text " + RUN + " 1 NobodyAgent 0 a",
                "1 00000000000000ab text " + RUN + " 1 ExecutorAgent 00 a",
                "1 00000000000000ab text " + RUN + " 1 ExecutorAgent 9999999999 a",
                "2 00000000000000ab text " + RUN + " 1 ExecutorAgent 0 a",
                "1 00000000000000ab echo"
            })
    void whatNoNodeOfThisReleaseSaysIsNotRead(String text) {
        assertThat(TextMessage.parse(text)).isEmpty();
    }
}

package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.SignalTransport.Post;
import io.taskpilot.run.Agent;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class OutboxTest {
    private static final UUID RUN = new UUID(7, 9);

    private long now = 5;
    private final Outbox outbox = new Outbox("00000000000000ab", new SignalChannels(64), () -> now);

    private static AgentDelta delta(int offset) {
        return new AgentDelta(RUN, 3, Agent.EXECUTOR, offset, "text");
    }

    private static List<String> words(List<Post> posts) {
        return posts.stream().map(post -> post.text().split(" ", 4)[2]).toList();
    }

    /** Sends what waits, to so many links each. */
    private int sent(int links) {
        var posts = outbox.take();
        outbox.posted(posts, Collections.nCopies(posts.size(), links));
        return posts.size();
    }

    @Test
    void textComesBeforeWhatWasSignalledWithIt() {
        outbox.changed(List.of(RUN));
        outbox.claimable();
        outbox.said(delta(0));

        assertThat(words(outbox.take())).containsExactly("text", "claimable", "changed");
        assertThat(outbox.isEmpty()).isTrue();
    }

    @Test
    void whatNobodyListensToIsNotSentForAWhileButEachBeginningIs() {
        outbox.said(delta(0));
        assertThat(sent(0)).isEqualTo(1);

        outbox.said(delta(4));
        assertThat(outbox.isEmpty()).isTrue();
        outbox.said(delta(0));
        assertThat(sent(0)).isEqualTo(1);

        now += Duration.ofMillis(501).toNanos();
        outbox.said(delta(8));
        assertThat(sent(1)).isEqualTo(1);
        outbox.said(delta(12));
        assertThat(sent(1)).isEqualTo(1);
    }

    @Test
    void whereTheTransportCantTellEverythingIsSent() {
        outbox.said(delta(0));
        outbox.posted(outbox.take(), List.of());

        outbox.said(delta(4));

        assertThat(outbox.take()).hasSize(1);
    }

    @Test
    void signalsThatNobodyHearsGoOnBeingSent() {
        for (var i = 0; i < 2; i++) {
            outbox.changed(List.of(RUN));
            assertThat(sent(0)).isEqualTo(1);
        }
    }

    @Test
    void textThatWaitsIsBoundedAndForgotten() {
        for (var i = 0; i < Outbox.TEXT_ROOM; i++) {
            assertThat(outbox.said(delta(i))).isZero();
        }
        assertThat(outbox.said(delta(0))).isEqualTo(1);

        outbox.changed(List.of(RUN));
        var batch = outbox.take();
        assertThat(words(batch)).last().isEqualTo("changed"); // which waits for some text at most
        assertThat(batch).hasSize(501);

        assertThat(outbox.forgetText()).isEqualTo(Outbox.TEXT_ROOM - 500);
        assertThat(outbox.isEmpty()).isTrue();
    }
}

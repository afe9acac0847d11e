package io.taskpilot.resilience;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class LoopTest {
    @Test
    void aMillionTurnsThatAreDoneAtOnceNeedNoStack() {
        var turns = new AtomicInteger();

        var loop = Loop.whileTrue(() -> Future.succeededFuture(turns.incrementAndGet() < 1_000_000));

        assertThat(loop.succeeded()).isTrue();
        assertThat(turns).hasValue(1_000_000);
    }

    @Test
    void aTurnWaitsForTheOneBeforeIt() {
        var first = Promise.<Boolean>promise();
        var turns = new AtomicInteger();

        var loop = Loop.whileTrue(
                () -> turns.incrementAndGet() == 1 ? first.future() : Future.succeededFuture(turns.get() < 3));

        assertThat(turns).hasValue(1);
        assertThat(loop.isComplete()).isFalse();
        first.complete(true);
        assertThat(turns).hasValue(3);
        assertThat(loop.succeeded()).isTrue();
    }

    @Test
    void aTurnThatFailsOrThrowsEndsIt() {
        var later = Promise.<Boolean>promise();
        var waiting = Loop.whileTrue(later::future);
        later.fail("late");

        assertThat(waiting.cause()).hasMessage("late");
        assertThat(Loop.whileTrue(() -> Future.failedFuture("at once")).cause()).hasMessage("at once");
        assertThat(Loop.whileTrue(() -> {
                            throw new IllegalStateException("thrown");
                        })
                        .cause())
                .hasMessage("thrown");
    }

    @Property
    void eachItemIsWorkedOnInOrderUpToTheFirstThatFails(@ForAll List<Boolean> fine) {
        var seen = new ArrayList<Boolean>();

        var all = Loop.each(fine, one -> {
            seen.add(one);
            return one ? Future.succeededFuture() : Future.failedFuture("no");
        });

        var end = fine.indexOf(false);
        assertThat(seen).isEqualTo(end < 0 ? fine : fine.subList(0, end + 1));
        assertThat(all.succeeded()).isEqualTo(end < 0);
    }
}

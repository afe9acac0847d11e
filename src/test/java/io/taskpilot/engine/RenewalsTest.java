package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RenewalsTest {
    private static final long START = -5; // the clock may be anywhere

    private final Renewals renewals = new Renewals();

    @BeforeEach
    void register() {
        renewals.registered(START);
    }

    @Test
    void aNodeMayJudgeOthersOnlyAfterATermOfItsOwn() {
        renewals.renewed(after(4));
        renewals.renewed(after(8));

        assertThat(renewals.heldForATerm(after(10))).isFalse();
        assertThat(renewals.heldForATerm(after(11))).isTrue();
    }

    @Test
    void aBreakOfATermBeginsAnew() {
        renewals.renewed(after(9));
        renewals.renewed(after(20)); // everybody's row had expired

        assertThat(renewals.heldForATerm(after(21))).isFalse();
        renewals.renewed(after(29));
        assertThat(renewals.heldForATerm(after(30))).isFalse();
        assertThat(renewals.heldForATerm(after(31))).isTrue();
    }

    @Test
    void aShorterBreakDoesNot() {
        renewals.renewed(after(9));
        renewals.renewed(after(18));

        assertThat(renewals.heldForATerm(after(19))).isTrue();
    }

    @Test
    void aNodeWhoseRenewalsFailJudgesNobody() {
        renewals.renewed(after(9));

        assertThat(renewals.heldForATerm(after(18))).isTrue();
        assertThat(renewals.heldForATerm(after(20))).isFalse();
    }

    @Test
    void aLeaseIsTrustedForEightSecondsFromWhenItsRenewalWasSent() {
        var lease = new Lease();
        var node = UUID.randomUUID();

        boolean held;
        long began;
        do {
            began = System.nanoTime();
            lease.renewed(node, began - TimeUnit.MILLISECONDS.toNanos(7_000), Instant.now());
            held = lease.isHeld() && lease.isHeldBy(node) && !lease.isHeldBy(UUID.randomUUID());
        } while (System.nanoTime() - began > TimeUnit.MILLISECONDS.toNanos(900)); // a stall says nothing of the lease
        assertThat(held).isTrue();

        lease.renewed(node, System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(8_001), Instant.now());
        assertThat(lease.isHeld()).isFalse();
        assertThat(lease.isHeldBy(node)).isFalse();
    }

    @Test
    void aNodeWithoutARenewalStartsNothing() {
        var lease = new Lease();

        assertThat(lease.isHeld()).isFalse();
    }

    private static long after(long seconds) {
        return START + TimeUnit.SECONDS.toNanos(seconds);
    }
}

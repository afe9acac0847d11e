package io.taskpilot.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** A check that cannot fail checks nothing. */
class SeenRunTest {
    @Test
    void eventsInOrderUpToTheEndAreWhole() {
        assertTrue(seen(1, 2, 3).isWhole());
    }

    @Test
    void aGapARepeatAWrongOrderAndAMissingStartAreNot() {
        for (var seqs : List.of(new int[] {1, 3}, new int[] {1, 1, 2}, new int[] {2, 1, 3}, new int[] {2, 3})) {
            assertFalse(seen(seqs).isWhole());
        }
    }

    @Test
    void whatHasNotEndedOrGoesOnAfterItsEndIsNot() {
        var run = new SeenRun(0);
        event(run, 1, "run.accepted");
        assertFalse(run.isWhole());
        event(run, 2, "run.failed");
        assertTrue(run.isWhole());
        event(run, 3, "run.succeeded");
        assertFalse(run.isWhole());
    }

    @Test
    void timesAreThoseOfTheFirstEventAndTheLast() {
        var run = seen(1, 2, 3);
        assertEquals(101, run.untilFirst());
        assertEquals(103, run.untilLast());
        assertEquals(0, new SeenRun(100).untilFirst());
    }

    /** The last of the events is the end. */
    private static SeenRun seen(int... seqs) {
        var run = new SeenRun(-100);
        for (var i = 0; i < seqs.length; i++) {
            event(run, seqs[i], i == seqs.length - 1 ? "run.succeeded" : "tool.started");
        }
        return run;
    }

    private static void event(SeenRun run, int seq, String type) {
        run.event(seq, Api.json("{\"seq\": %d, \"run_id\": \"run_1\", \"type\": \"%s\"}".formatted(seq, type)));
    }
}

package io.taskpilot.run;

import java.time.Instant;

/**
 * An event with its place in the journal.
 *
 * @param seq from 1, without gaps, within the run
 * @param at the database's time at the append
 */
public record Recorded(long seq, Instant at, RunEvent event) {}

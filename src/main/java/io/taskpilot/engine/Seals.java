package io.taskpilot.engine;

import io.vertx.core.Future;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The daily seals of the decision log. Futures complete on the caller's context. */
public interface Seals {
    /**
     * How far sealing has come.
     *
     * @param next the day after the last one with a seal
     * @param due it is over, by the database's clock
     * @param uncopied seals that the object store does not have yet
     */
    record State(LocalDate next, boolean due, long uncopied) {}

    /** @param margin how long after its end a day is due */
    Future<State> state(Duration margin);

    /** The right to seal, which one node has at a time; null while another one has it. */
    Future<@Nullable Turn> turn();

    /**
     * The right to seal. It ends with its connection, or when nothing was asked of it for five minutes; from then on
     * everything here fails.
     */
    interface Turn {
        Future<State> state(Duration margin);

        /**
         * Makes the seal of a day, which must be the next. What was done before it failed is found done when it is
         * asked again. No transaction is held over it.
         */
        Future<Seal> seal(LocalDate day);

        /** Seals that the object store does not have yet, oldest first, past {@code after}. */
        Future<List<Seal>> uncopied(@Nullable LocalDate after, int max);

        Future<Void> copied(LocalDate day);

        /** May be called at any time; what is under way then fails. */
        Future<Void> end();
    }
}

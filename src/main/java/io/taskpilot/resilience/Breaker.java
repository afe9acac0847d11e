package io.taskpilot.resilience;

import io.vertx.core.Future;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Stops asking a dependency that does not answer, so that its callers fail at once instead of after a time-out each,
 * and lets one call at a time through now and then to see whether it is back. Lock-free and safe to share between event
 * loops; the state changes only when somebody calls.
 */
public final class Breaker {
    /** How much it lets through. */
    public enum State {
        /** Every call is made. */
        CLOSED(0),
        /** One call is under way to find out; the rest are refused. */
        HALF_OPEN(1),
        /** Every call is refused. */
        OPEN(2);

        private final int level;

        State(int level) {
            this.level = level;
        }

        /** The value of the metric: 0 closed, 1 half open, 2 open. */
        public int level() {
            return level;
        }
    }

    /** What the end of a call says about the dependency. */
    public enum Evidence {
        ANSWERED,
        FAILED,
        /** Nothing: its caller broke it off. */
        NONE
    }

    /**
     * When it opens: after {@code inARow} failures with no success between them, or when, of the calls that ended
     * within about {@code window}, at least {@code atLeast} of them, the share {@code share} failed.
     *
     * @param inARow 1 or more
     * @param share above 0; above 1 is never
     * @param pause how long it stays open before the next probe
     */
    public record Settings(int inARow, double share, int atLeast, Duration window, Duration pause) {
        public Settings {
            if (inARow < 1 || share <= 0 || atLeast < 1 || !positive(window) || !positive(pause)) {
                throw new IllegalArgumentException("a breaker that is never closed: %d in a row, %s of %d, %s, %s"
                        .formatted(inARow, share, atLeast, window, pause));
            }
        }

        private static boolean positive(Duration duration) {
            return !duration.isNegative() && !duration.isZero();
        }
    }

    /** Calls that ended within a half of the window. */
    private record Half(long since, int calls, int failed) {
        Half and(boolean failure) {
            return new Half(since, calls + 1, failed + (failure ? 1 : 0));
        }
    }

    /** @param epoch counts changes of state and probes: a call that began in another one says nothing about this one */
    private record Circuit(State state, long epoch, long since, int inARow, Half earlier, Half current) {}

    /**
     * Over the time-out of any call, as a probe must not be replaced while it may still be answered: with calls that
     * take longer than the pause, none would ever count.
     */
    static final Duration LONGEST_PROBE = Duration.ofMinutes(1);

    private static final String REFUSED = "overload-circuit-open";

    private final String name;
    private final Settings settings;
    private final LongSupplier nanos;
    private final BiConsumer<State, State> changed;
    private final AtomicReference<Circuit> circuit;

    /**
     * @param name of the dependency, for people
     * @param nanos the monotonic clock, as {@link System#nanoTime}
     * @param changed is told (from, to) once per change, on the thread of the call that caused it, and must not block
     */
    public Breaker(String name, Settings settings, LongSupplier nanos, BiConsumer<State, State> changed) {
        this.name = name;
        this.settings = settings;
        this.nanos = nanos;
        this.changed = changed;
        circuit = new AtomicReference<>(closed(0, nanos.getAsLong()));
    }

    /** True for the failure of a call that was not made. */
    public static boolean isRefusal(Throwable cause) {
        return cause instanceof Failure failure && failure.slug().equals(REFUSED);
    }

    public State state() {
        return now().state;
    }

    /** Makes the call if the circuit lets it through; any failure of it counts. */
    public <T> Future<T> run(Supplier<Future<T>> call) {
        return run(call, cause -> Evidence.FAILED);
    }

    /**
     * Makes the call if the circuit lets it through, else fails at once with {@code overload-circuit-open}. The call
     * must have a time-out of its own.
     *
     * @param meaning of a failure of the call; one that the question caused is {@code ANSWERED}
     */
    public <T> Future<T> run(Supplier<Future<T>> call, Function<Throwable, Evidence> meaning) {
        var epoch = admit();
        if (epoch < 0) {
            var detail = "%s did not answer; it is asked again within %d ms".formatted(name, settings.pause.toMillis());
            return Future.failedFuture(Failure.overloaded(REFUSED, detail, settings.pause));
        }
        return Future.<Void>succeededFuture()
                .compose(unused -> call.get())
                .andThen((value, error) -> ended(epoch, error == null ? Evidence.ANSWERED : meaning.apply(error)));
    }

    /** The epoch the call belongs to, or -1 when it is refused. */
    private long admit() {
        while (true) {
            var now = now();
            if (now.state == State.CLOSED) {
                return now.epoch;
            }
            var time = nanos.getAsLong();
            var patience = now.state == State.OPEN ? settings.pause : LONGEST_PROBE;
            if (time - now.since < patience.toNanos()) {
                return -1;
            }
            // Also for a probe that never ended: its word does not count any more, another one is sent.
            var probing = new Circuit(State.HALF_OPEN, now.epoch + 1, time, now.inARow, now.earlier, now.current);
            if (set(now, probing)) {
                return probing.epoch;
            }
        }
    }

    private void ended(long epoch, Evidence evidence) {
        while (true) {
            var now = now();
            if (now.epoch != epoch || set(now, after(now, evidence))) {
                return;
            }
        }
    }

    private Circuit after(Circuit now, Evidence evidence) {
        var time = nanos.getAsLong();
        if (now.state == State.HALF_OPEN) {
            return switch (evidence) {
                case ANSWERED -> closed(now.epoch + 1, time);
                case FAILED -> open(now, time);
                case NONE -> open(now, time - settings.pause.toNanos()); // the next call probes
            };
        }
        return evidence == Evidence.NONE ? now : counted(now, evidence == Evidence.FAILED, time);
    }

    private Circuit counted(Circuit now, boolean failed, long time) {
        var inARow = failed ? now.inARow + 1 : 0;
        var half = settings.window.toNanos() / 2;
        var age = time - now.current.since;
        var fresh = new Half(time, 0, 0);
        var earlier = age < half ? now.earlier : age < 2 * half ? now.current : fresh;
        var current = (age < half ? now.current : fresh).and(failed);
        var next = new Circuit(State.CLOSED, now.epoch, now.since, inARow, earlier, current);
        return failed && isTooMuch(next) ? open(next, time) : next;
    }

    private boolean isTooMuch(Circuit now) {
        var calls = now.earlier.calls + now.current.calls;
        var failed = now.earlier.failed + now.current.failed;
        return now.inARow >= settings.inARow || (calls >= settings.atLeast && failed >= settings.share * calls);
    }

    private Circuit now() {
        return Objects.requireNonNull(circuit.get()); // it never holds null, which its type can't say
    }

    private boolean set(Circuit from, Circuit to) {
        var won = circuit.compareAndSet(from, to);
        if (won && from.state != to.state) {
            changed.accept(from.state, to.state);
        }
        return won;
    }

    private static Circuit open(Circuit now, long time) {
        return new Circuit(State.OPEN, now.epoch + 1, time, now.inARow, now.earlier, now.current);
    }

    private static Circuit closed(long epoch, long time) {
        var none = new Half(time, 0, 0);
        return new Circuit(State.CLOSED, epoch, time, 0, none, none);
    }
}

package io.taskpilot.resilience;

import io.vertx.core.Future;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Admits a number of calls at a time and refuses the rest at once. Safe to share between event loops. */
public final class Limiter {
    private final String name;
    private final int max;
    private final AtomicInteger inFlight = new AtomicInteger();

    /** @param name ends the slug of a refusal: {@code overload-<name>} */
    public Limiter(String name, int max) {
        this.name = name;
        this.max = max;
    }

    public <T> Future<T> run(Supplier<Future<T>> call) {
        if (inFlight.incrementAndGet() > max) {
            inFlight.decrementAndGet();
            var detail = "%d calls are under way (limit: %d)".formatted(max, max);
            return Future.failedFuture(Failure.overloaded("overload-" + name, detail, Duration.ofSeconds(1)));
        }
        // compose turns a throwing supplier into a failed future; andThen releases before any caller sees it
        return Future.<Void>succeededFuture()
                .compose(unused -> call.get())
                .andThen((value, error) -> inFlight.decrementAndGet());
    }

    public int inFlight() {
        return inFlight.get();
    }
}

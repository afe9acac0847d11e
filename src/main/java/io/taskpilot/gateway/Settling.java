package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Waits for a run to finish, or to wait for a person, as {@code Prefer: wait} (RFC 7240, section 4.3) asks. */
final class Settling {
    private static final Pattern WAIT =
            Pattern.compile("(?i)(?:^|[,;\\s])wait\\s*=\\s*\"?([0-9]{1,9})\"?(?=$|[,;\\s])");
    private static final long LONGEST_SECONDS = 60;

    private Settling() {}

    /** The wait that was asked for, at most 60 s; null for none. A preference that can't be read is ignored. */
    static @Nullable Duration wait(RoutingContext ctx) {
        var found = WAIT.matcher(String.join(",", ctx.request().headers().getAll("prefer")));
        return found.find() ? Duration.ofSeconds(Math.min(LONGEST_SECONDS, Long.parseLong(found.group(1)))) : null;
    }

    /**
     * The run as it is when it has settled, when {@code wait} is over, when the caller left, or the server goes; as it
     * was before if it can't be read then, since a failure would say that it was not accepted.
     */
    static Future<RunView> settled(Gateway gateway, RoutingContext ctx, RunView run, Duration wait) {
        if (isSettled(run.status()) || wait.isZero()) {
            return Future.succeededFuture(run);
        }
        var settled = Promise.<Void>promise();
        return Tail.open(gateway, ctx.vertx(), run, run.lastSeq(), (event, attempt) -> {
                    if (event.event() instanceof RunEvent.ApprovalRequested) {
                        settled.tryComplete();
                    }
                    return Future.succeededFuture();
                })
                .compose(tail -> await(gateway, ctx, tail, settled, wait))
                .compose(unused -> gateway.reader().run(run.id()))
                .recover(cause -> isUnavailable(cause) ? Future.succeededFuture(run) : Future.failedFuture(cause));
    }

    private static Future<Void> await(
            Gateway gateway, RoutingContext ctx, Tail tail, Promise<Void> settled, Duration wait) {
        var context = ctx.vertx().getOrCreateContext();
        var stay = gateway.streams().onDrain(() -> context.runOnContext(unused -> settled.tryComplete()));
        var timer = ctx.vertx().setTimer(wait.toMillis(), unused -> settled.tryComplete());
        ctx.response().closeHandler(unused -> settled.tryComplete());
        tail.start().onSuccess(unused -> settled.tryComplete()).onFailure(settled::tryFail);
        return settled.future().onComplete((unused, cause) -> {
            stay.run();
            ctx.vertx().cancelTimer(timer);
            tail.close();
        });
    }

    private static boolean isUnavailable(Throwable cause) {
        return cause instanceof Failure failure && failure.kind() == Failure.Kind.UNAVAILABLE;
    }

    private static boolean isSettled(RunStatus status) {
        return status.isTerminal() || status == RunStatus.AWAITING_APPROVAL;
    }
}

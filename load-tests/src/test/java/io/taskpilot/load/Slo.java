package io.taskpilot.load;

import static io.gatling.javaapi.core.CoreDsl.details;
import static io.gatling.javaapi.core.CoreDsl.dummy;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.global;

import io.gatling.javaapi.core.Assertion;
import io.gatling.javaapi.core.ChainBuilder;
import io.gatling.javaapi.core.Session;
import java.util.List;
import java.util.function.Function;

/**
 * What a server is held to, and how it gets into Gatling's report: as requests of their own, whose response times are
 * those of the run. Such a request lasts as long as it says, so it comes once the connection is no longer needed.
 */
final class Slo {
    private static final String FIRST = "first event";
    private static final String FINISHED = "finished run";
    private static final String WHOLE = "no gap in seq";

    private Slo() {}

    /** Reports a run that was followed event by event. */
    static ChainBuilder reportFollowed(Function<Session, SeenRun> run) {
        return exec(dummy(FIRST, session -> run.apply(session).untilFirst())
                        .withSuccess(session -> run.apply(session).seq() > 0))
                .exec(reportFinished(run))
                .exec(dummy(WHOLE, 0).withSuccess(session -> run.apply(session).isWhole()));
    }

    /** Reports a run of which only the end was seen. */
    static ChainBuilder reportFinished(Function<Session, SeenRun> run) {
        return exec(dummy(FINISHED, session -> run.apply(session).untilLast())
                .withSuccess(session -> run.apply(session).isSucceeded()));
    }

    static List<Assertion> polled() {
        return List.of(
                global().successfulRequests().percent().gte(99.9),
                details(FINISHED).successfulRequests().percent().gte(99.0),
                details(FINISHED).responseTime().percentile(95).lte(5_000),
                details(FINISHED).responseTime().percentile(99).lte(10_000));
    }

    static List<Assertion> followed() {
        return List.of(
                global().successfulRequests().percent().gte(99.9),
                details(FIRST).responseTime().percentile(95).lte(2_000),
                details(FIRST).responseTime().percentile(99).lte(5_000),
                details(FINISHED).successfulRequests().percent().gte(99.0),
                details(FINISHED).responseTime().percentile(95).lte(5_000),
                details(FINISHED).responseTime().percentile(99).lte(10_000),
                details(WHOLE).failedRequests().count().is(0L));
    }
}

package io.taskpilot.load;

import static io.gatling.javaapi.core.CoreDsl.StringBody;
import static io.gatling.javaapi.core.CoreDsl.asLongAsDuring;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.jsonPath;
import static io.gatling.javaapi.core.CoreDsl.pause;
import static io.gatling.javaapi.core.CoreDsl.scenario;
import static io.gatling.javaapi.http.HttpDsl.http;
import static io.gatling.javaapi.http.HttpDsl.status;

import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.core.Simulation;
import java.time.Duration;
import java.util.Set;

/** Submits a run and asks for it until it has ended. */
public final class SubmitAndPoll extends Simulation {
    private static final Duration BETWEEN = Duration.ofMillis(200);
    private static final Set<String> UNDER_WAY = Set.of("queued", "running", "awaiting_approval");
    private static final String RUN = "run";

    public SubmitAndPoll() {
        var client = scenario("submit and poll")
                .exec(session -> session.set(RUN, new SeenRun(System.currentTimeMillis())))
                .exec(http("submit")
                        .post("/v1/runs")
                        .body(StringBody(Api.body()))
                        .check(status().is(202), jsonPath("$.id").saveAs("id")))
                .exitHereIfFailed()
                .exec(asLongAsDuring(session -> !run(session).isEnded(), Api.PATIENCE)
                        .on(
                                pause(BETWEEN),
                                exec(http("poll")
                                        .get("/v1/runs/#{id}")
                                        .check(
                                                status().is(200),
                                                jsonPath("$.status").saveAs("status"))),
                                exec(SubmitAndPoll::look)))
                .exec(Slo.reportFinished(SubmitAndPoll::run));
        setUp(client.injectOpen(Profile.chosen().users(1)).protocols(Api.protocol()))
                .assertions(Slo.polled());
    }

    private static Session look(Session session) {
        var status = session.contains("status") ? session.getString("status") : "queued";
        if (!UNDER_WAY.contains(status)) {
            run(session).ended(System.currentTimeMillis(), status);
        }
        return session;
    }

    private static SeenRun run(Session session) {
        return session.get(RUN);
    }
}

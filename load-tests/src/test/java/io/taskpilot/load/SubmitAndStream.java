package io.taskpilot.load;

import static io.gatling.javaapi.core.CoreDsl.StringBody;
import static io.gatling.javaapi.core.CoreDsl.asLongAsDuring;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.pause;
import static io.gatling.javaapi.core.CoreDsl.scenario;
import static io.gatling.javaapi.http.HttpDsl.sse;

import io.gatling.http.action.sse.SseInboundMessage;
import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.core.Simulation;
import java.util.List;

/** Submits a run and reads its events from the same response. */
public final class SubmitAndStream extends Simulation {
    private static final String RUN = "run";

    public SubmitAndStream() {
        var client = scenario("submit and stream")
                .exec(session -> session.set(RUN, new SeenRun(System.currentTimeMillis())))
                .exec(sse("submit").post("/v1/runs").body(StringBody(Api.body())))
                .exec(asLongAsDuring(session -> !run(session).isEnded(), Api.PATIENCE)
                        .on(pause(Api.LOOK), exec(sse.processUnmatchedMessages(SubmitAndStream::read))))
                .exec(Slo.reportFollowed(SubmitAndStream::run));
        setUp(client.injectOpen(Profile.chosen().users(1)).protocols(Api.protocol()))
                .assertions(Slo.followed());
    }

    private static Session read(List<SseInboundMessage> messages, Session session) {
        for (var message : messages) {
            var event = Api.json(message.message());
            if (event.has("id")) { // the others are the server's word on when to retry, and its comments
                run(session)
                        .event(message.timestamp(), Api.json(event.path("data").asText()));
            }
        }
        return session;
    }

    private static SeenRun run(Session session) {
        return session.get(RUN);
    }
}

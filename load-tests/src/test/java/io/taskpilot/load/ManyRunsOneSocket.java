package io.taskpilot.load;

import static io.gatling.javaapi.core.CoreDsl.asLongAsDuring;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.pause;
import static io.gatling.javaapi.core.CoreDsl.repeat;
import static io.gatling.javaapi.core.CoreDsl.scenario;
import static io.gatling.javaapi.http.HttpDsl.ws;

import io.gatling.http.action.ws.WsInboundMessage;
import io.gatling.javaapi.core.ChainBuilder;
import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.core.Simulation;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Submits {@code -DrunsPerSocket=} runs over one WebSocket and follows them all on it, as they come. */
public final class ManyRunsOneSocket extends Simulation {
    private static final int RUNS = Integer.getInteger("runsPerSocket", 5);
    private static final String REF_TO_RUN = "refToRun";
    private static final String COUNT = "count";

    public ManyRunsOneSocket() {
        var client = scenario("many runs over one socket")
                .exec(session -> session.set(REF_TO_RUN, new HashMap<String, SeenRun>()))
                .exec(ws("connect").connect("/v1/ws"))
                .exitHereIfFailed()
                .exec(repeat(RUNS, COUNT).on(exec(ManyRunsOneSocket::submitting), submit()))
                .exec(asLongAsDuring(
                                session -> !runs(session).values().stream().allMatch(SeenRun::isEnded), Api.PATIENCE)
                        .on(pause(Api.LOOK), exec(ws.processUnmatchedMessages(ManyRunsOneSocket::read))))
                .exec(ws("close").close())
                .exec(IntStream.range(0, RUNS)
                        .mapToObj(ManyRunsOneSocket::report)
                        .toList());
        setUp(client.injectOpen(Profile.chosen().users(RUNS)).protocols(Api.protocol()))
                .assertions(Slo.followed());
    }

    private static ChainBuilder submit() {
        return exec(ws("submit").sendText(session -> Api.frame(session.getString(COUNT))));
    }

    private static ChainBuilder report(int ref) {
        return Slo.reportFollowed(session -> runs(session).get(String.valueOf(ref)));
    }

    private static Session submitting(Session session) {
        runs(session).put(session.getString(COUNT), new SeenRun(System.currentTimeMillis()));
        return session;
    }

    private static Session read(List<WsInboundMessage> messages, Session session) {
        for (var message : messages) {
            if (message instanceof WsInboundMessage.Text text) {
                var frame = Api.json(text.message());
                var run = runs(session).get(frame.path("id").asText());
                if (run != null && frame.path("op").asText().equals("event")) {
                    run.event(text.timestamp(), frame.path("event"));
                }
            }
        }
        return session;
    }

    private static Map<String, SeenRun> runs(Session session) {
        return session.get(REF_TO_RUN);
    }
}

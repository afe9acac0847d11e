package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunStatus;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a WebSocket may ask for, and the runs it follows. Belongs to the socket's context. */
final class SocketOperations {
    static final List<String> OPS = List.of("submit", "subscribe", "unsubscribe", "cancel", "answer", "ping");
    private static final String KEY = "idempotency_key";
    private static final int SUBSCRIPTIONS = 1_000;

    private final Gateway gateway;
    private final Vertx vertx;
    private final SocketSession session;
    private final Caller caller;
    private final String requestId;
    private final Trace trace;
    private final Map<UUID, Subscription> runToSubscription = new LinkedHashMap<>();
    private Future<Void> turns = Future.succeededFuture();

    /** A run that is followed; the tail is there once the run was found. */
    private static final class Subscription {
        private final String ref;
        private final long asked = System.nanoTime();
        private @Nullable Tail tail;
        private boolean begun;
        private boolean closed;

        private Subscription(String ref) {
            this.ref = ref;
        }

        private void close() {
            closed = true;
            if (tail != null) {
                tail.close();
            }
        }
    }

    /** @param trace where the operations' spans begin */
    SocketOperations(
            Gateway gateway, Vertx vertx, SocketSession session, Caller caller, String requestId, Trace trace) {
        this.gateway = gateway;
        this.vertx = vertx;
        this.session = session;
        this.caller = caller;
        this.requestId = requestId;
        this.trace = trace;
    }

    /** Always succeeds: what goes wrong is told in an error frame. */
    Future<Void> perform(byte[] frame) {
        return Future.succeededFuture(frame)
                .map(StrictJson::object)
                .compose(body -> perform(body).recover(cause -> session.sendError(ref(body), cause)))
                .recover(cause -> session.isOpen() ? session.sendError(null, cause) : Future.succeededFuture());
    }

    private static @Nullable String ref(Map<String, Object> body) {
        return body.get("id") instanceof String text && text.length() <= 64 ? text : null;
    }

    private Future<Void> perform(Map<String, Object> body) {
        return Future.<Void>succeededFuture().compose(unused -> {
            var in = Fields.ofBody(body);
            var op = in.word("op", OPS, word -> word);
            var ref = in.text("id", 64);
            if (op == null) {
                in.required("op", OPS);
                in.refuseMistakes();
                throw new IllegalStateException("a mistake was found, and then not");
            }
            return switch (op) {
                case "submit" -> traced(op, Scope.RUNS_WRITE, here -> submit(body, in, ref, here));
                case "subscribe" -> traced(op, Scope.RUNS_READ, here -> subscribe(in, ref));
                case "unsubscribe" -> admitted(op, null, Trace.NONE, () -> unsubscribe(in, ref));
                case "cancel" -> traced(op, Scope.RUNS_WRITE, here -> cancel(in, ref));
                case "answer" -> traced(op, Scope.APPROVALS_DECIDE, here -> answer(in, ref, here));
                default -> admitted(op, null, Trace.NONE, () -> pong(in, ref));
            };
        });
    }

    private Future<Void> traced(String op, Scope scope, Function<Trace, Future<Void>> operation) {
        return trace.around(Spans.frame(op), span -> {
            var here = span.set(Spans.REQUEST_ID, requestId).here();
            return admitted(op, scope, here, () -> operation.apply(here));
        });
    }

    /** Operations begin in the order of their frames, whichever was admitted first. */
    private Future<Void> admitted(String op, @Nullable Scope scope, Trace here, Supplier<Future<Void>> operation) {
        var verdict = gateway.ingress().admit(Operation.ofSocket(op), scope, caller, requestId, here);
        var turn = turns.transform((unused, cause) -> verdict);
        var done = turn.compose(unused -> operation.get()); // before the next one, which waits for the same turn
        turns = turn;
        return done;
    }

    private Future<Void> pong(Fields in, String ref) {
        in.done();
        return session.send(frame("pong", ref));
    }

    private Future<Void> submit(Map<String, Object> body, Fields in, String ref, Trace here) {
        var key = body.containsKey(KEY) ? in.text(KEY, 255) : null;
        if (key != null && !key.isEmpty() && !Submissions.isKey(key)) {
            in.mistake(KEY, "malformed (expected: 1..255 visible ASCII characters)");
        }
        in.refuseMistakes();
        requireRoom();
        var request = new LinkedHashMap<>(body);
        request.keySet().removeAll(List.of("op", "id", KEY));
        return gateway.submissions()
                .submit(request, caller, requestId, key, here)
                .compose(submission -> gateway.submissions().view(submission).compose(run -> {
                    var ack = ack(ref, run);
                    ack.put("replayed", submission.replayed());
                    return runToSubscription.containsKey(run.id()) ? session.send(ack) : follow(ref, run, 0, ack);
                }));
    }

    private Future<Void> subscribe(Fields in, String ref) {
        var id = in.id("run_id", "run_");
        var after = in.integerOr("after", 0, 0, EventResource.LAST_SEQ);
        in.done();
        requireRoom();
        if (runToSubscription.containsKey(id)) {
            throw Failure.of(Failure.Kind.CONFLICT, "caller-already-subscribed", "this socket follows the run already");
        }
        var subscription = new Subscription(ref);
        runToSubscription.put(id, subscription); // at once, so that a second subscribe or an unsubscribe sees it
        return gateway.reader()
                .run(id)
                .compose(run -> follow(subscription, run, after, ack(ref, run)))
                .onFailure(cause -> runToSubscription.remove(id, subscription));
    }

    private void requireRoom() {
        if (runToSubscription.size() >= SUBSCRIPTIONS) {
            throw Failure.limited(
                    "limit-subscriptions",
                    "%d runs are followed (limit: %d)".formatted(SUBSCRIPTIONS, SUBSCRIPTIONS),
                    Duration.ofSeconds(1));
        }
    }

    private Future<Void> follow(String ref, RunView run, long after, Map<String, Object> ack) {
        var subscription = new Subscription(ref);
        runToSubscription.put(run.id(), subscription);
        return follow(subscription, run, after, ack)
                .onFailure(cause -> runToSubscription.remove(run.id(), subscription));
    }

    /** Acknowledges, then sends events until the terminal one. */
    private Future<Void> follow(Subscription subscription, RunView run, long after, Map<String, Object> ack) {
        var ended = run.status().isTerminal() && after >= run.lastSeq();
        ack.put("ended", ended);
        if (ended) {
            runToSubscription.remove(run.id(), subscription);
            return session.send(ack);
        }
        if (after > run.lastSeq()) {
            return Future.failedFuture(EventResource.beyond(after, run));
        }
        Tail.Sink events = (event, attempt) -> {
            begin(subscription);
            return session.send(frame(subscription.ref, RunJson.event(run.id(), event, attempt)));
        };
        var live = new LiveText(
                delta -> session.offer(frame(subscription.ref, delta)),
                () -> gateway.metrics().streams().textDropped("websocket"));
        subscription.begun = after >= run.lastSeq(); // how long the run takes to go on is not the server's doing
        return Tail.open(gateway, vertx, run, after, events, live).compose(tail -> {
            subscription.tail = tail;
            return session.send(ack).onComplete(unused -> run(subscription, run.id(), tail));
        });
    }

    private void begin(Subscription subscription) {
        if (!subscription.begun) {
            subscription.begun = true;
            var waited = Duration.ofNanos(System.nanoTime() - subscription.asked);
            gateway.metrics().streams().firstEvent("websocket", waited);
        }
    }

    private void run(Subscription subscription, UUID runId, Tail tail) {
        if (subscription.closed || !session.isOpen()) {
            tail.close();
            return;
        }
        tail.start().onComplete((unused, cause) -> {
            runToSubscription.remove(runId, subscription);
            if (cause != null && session.isOpen()) {
                session.sendError(subscription.ref, cause);
            }
        });
    }

    private Future<Void> unsubscribe(Fields in, String ref) {
        var id = in.id("run_id", "run_");
        in.done();
        var subscription = runToSubscription.remove(id);
        if (subscription == null) {
            throw Failure.notFound("subscription");
        }
        subscription.close();
        var ack = frame("ack", ref);
        ack.put("run_id", RunJson.id(id));
        return session.send(ack);
    }

    private Future<Void> cancel(Fields in, String ref) {
        var id = in.id("run_id", "run_");
        in.done();
        return gateway.runs().cancel(id, caller.id()).compose(status -> session.send(ack(ref, id, status)));
    }

    private Future<Void> answer(Fields in, String ref, Trace here) {
        var id = in.id("approval_id", "apr_");
        var answer = ApprovalResource.read(in, caller, here);
        return gateway.runs().answer(id, answer).compose(unused -> {
            var ack = frame("ack", ref);
            ack.put("approval_id", "apr_" + id);
            return session.send(ack);
        });
    }

    private static Map<String, Object> frame(String op, String ref) {
        var frame = new LinkedHashMap<String, Object>();
        frame.put("op", op);
        frame.put("id", ref);
        return frame;
    }

    private static Map<String, Object> frame(String ref, Map<String, Object> event) {
        var frame = frame("event", ref);
        frame.put("event", event);
        return frame;
    }

    private static Map<String, Object> ack(String ref, RunView run) {
        var ack = ack(ref, run.id(), run.status());
        ack.put("last_seq", run.lastSeq());
        return ack;
    }

    private static Map<String, Object> ack(String ref, UUID runId, RunStatus status) {
        var ack = frame("ack", ref);
        ack.put("run_id", RunJson.id(runId));
        ack.put("status", status.word());
        return ack;
    }

    /** Events that were read for the socket and not sent. */
    int pending() {
        return tails().mapToInt(Tail::pending).sum();
    }

    /** The last {@code seq} sent of each run that is followed, as in {@code run_...=7}. */
    String positions() {
        return runToSubscription.entrySet().stream()
                .filter(entry -> entry.getValue().tail != null)
                .map(entry -> RunJson.id(entry.getKey()) + "=" + position(entry.getValue()))
                .limit(2)
                .collect(Collectors.joining(" "));
    }

    private static long position(Subscription subscription) {
        return subscription.tail == null ? 0 : subscription.tail.lastSeq();
    }

    private Stream<Tail> tails() {
        return runToSubscription.values().stream().flatMap(subscription -> Stream.ofNullable(subscription.tail));
    }

    void close() {
        List.copyOf(runToSubscription.values()).forEach(Subscription::close);
        runToSubscription.clear();
    }
}

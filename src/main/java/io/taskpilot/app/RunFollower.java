package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.run.RunStatus;
import java.io.IOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.http.HttpConnectTimeoutException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Submits a run and hands on each of its events exactly once and in order, however often the connection is cut: it
 * resumes after the last one it has.
 */
final class RunFollower {
    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);
    /** The part of the patience for one that takes connections and answers none: a restarted server soon does. */
    private static final int UNANSWERED = 6;

    private final ApiClient client;
    private final Consumer<JsonNode> sink;
    private final Consumer<JsonNode> live;
    private final Consumer<String> notes;
    private final Duration patience;
    private volatile String runId = "";
    private long seq;
    private Submission submission = Submission.NOT_SENT;

    /** What is known of the request. */
    private enum Submission {
        NOT_SENT,
        /** A server may have taken it. */
        SENT,
        ACCEPTED
    }

    /**
     * @param live is told of text of an answer that is being written, such as comes
     * @param notes is told when the connection is cut
     * @param patience with a server that does not come back
     */
    RunFollower(
            ApiClient client,
            Consumer<JsonNode> sink,
            Consumer<JsonNode> live,
            Consumer<String> notes,
            Duration patience) {
        this.client = client;
        this.sink = sink;
        this.live = live;
        this.notes = notes;
        this.patience = patience;
    }

    /** Empty before the first event. */
    String runId() {
        return runId;
    }

    /** @return the terminal event, or the first that satisfies {@code enough} */
    JsonNode run(Object request, String idempotencyKey, Predicate<JsonNode> enough) throws InterruptedException {
        var heard = System.nanoTime();
        var pause = FIRST_PAUSE;
        Long unanswered = null; // since when, without a break
        while (true) {
            var before = seq;
            try {
                var last = read(request, idempotencyKey, enough);
                if (last.isPresent()) {
                    return last.get();
                }
                unanswered = null;
            } catch (ConnectException | HttpConnectTimeoutException e) {
                if (submission == Submission.NOT_SENT) {
                    throw client.unreachable(e); // it took nothing, so there is nothing to resume
                }
                unanswered = null;
                notes.accept("no server at " + client.server() + ", trying again");
            } catch (ApiClient.Unavailable e) {
                if (submission == Submission.NOT_SENT) { // and who says so may stand before a server that took it
                    throw new CommandFailure(client.unreachable(e).getMessage() + "; " + again(idempotencyKey));
                }
                unanswered = null;
                notes.accept("no server at " + client.server() + ", trying again");
            } catch (IOException e) {
                unanswered = unanswered == null ? (Long) System.nanoTime() : unanswered;
                var isFollowed = submission == Submission.ACCEPTED;
                if (!isFollowed) {
                    unanswered(e, unanswered, idempotencyKey);
                }
                notes.accept(
                        (isFollowed ? "the connection was cut after event " + seq : client.server() + " did not answer")
                                + ", trying again");
            }
            if (seq > before) {
                heard = System.nanoTime();
                pause = FIRST_PAUSE;
            } else if (isOver(heard, patience)) {
                throw seq > 0
                        ? new CommandFailure("lost %s after event %d of %s; the run goes on without a watcher"
                                .formatted(client.server(), seq, runId))
                        : new CommandFailure(
                                "lost %s before the first event; %s".formatted(client.server(), again(idempotencyKey)));
            }
            Thread.sleep(pause.toMillis() + ThreadLocalRandom.current().nextLong(pause.toMillis()));
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
        }
    }

    /** Fails when what takes the connection can't be, or is not going to be, a server that takes the run. */
    private void unanswered(IOException e, long since, String idempotencyKey) {
        if (e instanceof ProtocolException && submission == Submission.NOT_SENT) {
            throw new CommandFailure("%s does not answer as a TaskPilot server does, so nothing was accepted (%s)"
                    .formatted(client.server(), Terminal.clean(String.valueOf(e.getMessage()))));
        }
        submission = Submission.SENT;
        if (isOver(since, patience.dividedBy(UNANSWERED))) {
            throw new CommandFailure(
                    client.unreachable(e).getMessage() + ": nothing is known to be accepted; " + again(idempotencyKey));
        }
    }

    private static boolean isOver(long since, Duration limit) {
        return System.nanoTime() - since > limit.toNanos();
    }

    /** What is to be typed when it is not known whether the request was taken. */
    static String again(String idempotencyKey) {
        return "with --idempotency-key " + idempotencyKey + " the same request is not run twice";
    }

    /** One connection's worth. Empty when the stream ended before the run did: the server drains. */
    private Optional<JsonNode> read(Object request, String idempotencyKey, Predicate<JsonNode> enough)
            throws IOException, InterruptedException {
        var open = seq == 0 ? Optional.of(client.submit(request, idempotencyKey)) : client.events(runId, seq);
        if (open.isEmpty()) {
            throw new CommandFailure(runId + " has ended, and its last event was not sent");
        }
        submission = Submission.ACCEPTED;
        try (var stream = open.get()) {
            while (true) {
                var next = stream.next();
                if (next.isEmpty() || next.get().type().equals("reconnect")) {
                    return Optional.empty();
                }
                if (next.get().type().equals("agent.delta")) {
                    live.accept(ApiClient.JSON.readTree(next.get().data()));
                }
                if (next.get().id() == null) {
                    continue; // no event of the run
                }
                var event = ApiClient.JSON.readTree(next.get().data());
                if (take(event) && (isTerminal(event) || enough.test(event))) {
                    return Optional.of(event);
                }
            }
        }
    }

    /** False for one that was seen before. */
    private boolean take(JsonNode event) throws IOException {
        var number = event.path("seq").asLong();
        if (number <= seq) {
            return false;
        }
        if (number != seq + 1) {
            throw new IOException("event %d came after event %d".formatted(number, seq));
        }
        seq = number;
        runId = event.path("run_id").asText();
        sink.accept(event);
        return true;
    }

    private static boolean isTerminal(JsonNode event) {
        return status(event).filter(RunStatus::isTerminal).isPresent();
    }

    /** The status that the event leaves the run in, as far as it alone tells. */
    static Optional<RunStatus> status(JsonNode event) {
        var type = event.path("type").asText();
        if (type.equals("approval.requested")) {
            return Optional.of(RunStatus.AWAITING_APPROVAL);
        }
        for (var status : RunStatus.values()) {
            if (status.isTerminal() && type.equals("run." + status.word())) {
                return Optional.of(status);
            }
        }
        return Optional.empty();
    }
}

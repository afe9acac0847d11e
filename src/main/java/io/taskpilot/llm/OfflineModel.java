package io.taskpilot.llm;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * A model that needs no network and costs nothing: provider {@code offline}, model {@code offline}. It reads the same
 * messages a real model gets, with a few word lists instead of understanding, and answers the same raw text and
 * function-call JSON, so it passes through the same parser and the same guards. Equal requests get equal answers.
 *
 * <p>What it takes from the request:
 *
 * <ul>
 *   <li>high, urgent, critical, asap, important: priority high; low, minor: low; otherwise medium
 *   <li>a quoted title is the title; otherwise what follows "create a ... task to ...", without the priority
 *   <li>maybe, perhaps, not sure, or a question mark: the reviewer answers REVIEW
 *   <li>illegal, harmful: the reviewer answers REJECTED
 *   <li>"notify NAME ...": {@code notify_external_system}, if offered
 *   <li>"delete ... task(s)", "delete all ...": {@code delete_task}, offered or not
 *   <li>"list ... tasks", "show ... tasks": {@code list_tasks}, if offered; "update ... task_ID": {@code update_task}
 * </ul>
 *
 * <p>And it misbehaves on request, so that every guard can be seen at work:
 *
 * <ul>
 *   <li>"emit invalid json": the planner's first call has broken arguments; "always emit invalid json": each one
 *   <li>"emit an invalid tool call": the same of the executor, once
 *   <li>"emit do not approve": the reviewer answers DO NOT APPROVE
 *   <li>"call an unoffered tool": the executor also calls {@code run_shell_command}
 *   <li>"change the title": the executor's {@code create_task} differs from the reviewed proposal
 *   <li>"keep calling tools": the executor calls {@code list_tasks} again and again
 *   <li>"answer with nothing": the executor's closing words are empty
 *   <li>"emit a secret": the executor's closing words hold what looks like an access key
 *   <li>"emit a provider error": every call fails
 * </ul>
 *
 * The phrases are found in any case.
 */
public final class OfflineModel implements ChatModel {
    /** Of the provider, and of its only model. */
    public static final String NAME = "offline";

    private static final int CHARS_PER_TOKEN = 4;
    private static final int PIECES = 8;

    private final Vertx vertx;
    private final Duration latency;
    private final double failureRate;
    private final ModelCatalog catalog;
    private final AtomicLong calls = new AtomicLong();

    /**
     * @param latency of every answer: half of it to the first piece of its text
     * @param failureRate 0..1, of calls that fail with {@code provider-error}: the same calls in every process
     */
    public OfflineModel(Vertx vertx, Duration latency, double failureRate, ModelCatalog catalog) {
        this.vertx = vertx;
        this.latency = latency;
        this.failureRate = failureRate;
        this.catalog = catalog;
    }

    @Override
    public Future<Answer> chat(Request request, CallContext call, Consumer<String> text) {
        return ChatSpans.around(ChatSpans.plan(NAME, NAME, request), request, call, here -> think(request, here, text));
    }

    private Future<Answer> think(Request request, CallContext call, Consumer<String> text) {
        if (!call.mayStart()) {
            return Future.failedFuture(ModelFailures.notStarted());
        }
        var fails = new SplittableRandom(calls.getAndIncrement()).nextDouble() < failureRate;
        if (fails) {
            var failure = Failure.of(Failure.Kind.UPSTREAM, "provider-error", "the offline model failed");
            return Pause.of(vertx, latency, call).compose(unused -> Future.failedFuture(failure));
        }
        var thinking = latency.dividedBy(2);
        return Pause.of(vertx, thinking, call)
                .compose(unused -> answer(request))
                .compose(answer -> say(answer, latency.minus(thinking), call, text));
    }

    /** As models do, in pieces, over {@code time}. */
    private Future<Answer> say(Answer answer, Duration time, CallContext call, Consumer<String> text) {
        var whole = answer.text();
        var length = whole.length();
        var most = time.isZero() ? PIECES : Math.min(PIECES, time.toMillis()); // no timer is shorter
        var pieces = (int) Math.max(1, Math.min(length, most));
        var said = Future.succeededFuture(answer);
        for (var i = 0; i < pieces; i++) {
            var piece = whole.substring(length * i / pieces, length * (i + 1) / pieces);
            said = said.compose(unused -> Pause.of(vertx, time.dividedBy(pieces), call))
                    .map(unused -> {
                        if (!piece.isEmpty()) {
                            text.accept(piece);
                        }
                        return answer;
                    });
        }
        return said;
    }

    private Future<Answer> answer(Request request) {
        var script = new OfflineScript(request);
        if (script.asksFor("emit a provider error")) {
            return Future.failedFuture(Failure.of(Failure.Kind.UPSTREAM, "provider-error", "as the request asks"));
        }
        var said = script.answer();
        var read = request.messages().stream()
                .mapToLong(message -> tokens(message.text()))
                .sum();
        var written = tokens(said.text())
                + said.calls().stream()
                        .mapToLong(made -> tokens(made.name()) + tokens(made.arguments()))
                        .sum();
        var usage = catalog.usage(NAME, NAME, read, written);
        return Future.succeededFuture(
                new Answer(said.text(), said.calls(), usage, NAME, NAME, new ChatModel.Details(0, 0, NAME)));
    }

    /** Roughly what tokenizers make of English. */
    static long tokens(String text) {
        return ((long) text.length() + CHARS_PER_TOKEN - 1) / CHARS_PER_TOKEN;
    }
}

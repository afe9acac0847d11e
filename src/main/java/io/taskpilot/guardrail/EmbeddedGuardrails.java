package io.taskpilot.guardrail;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The model-free rails inside the process: the verdicts that a NeMo Guardrails server gives on the same file. Safe to
 * share between event loops.
 */
public final class EmbeddedGuardrails implements Guardrails {
    // Some 30 ms of an event loop, should every pattern have to be tried.
    private static final int MAX_INLINE_CHARS = 16 * 1024;
    private static final Logger log = LoggerFactory.getLogger(EmbeddedGuardrails.class);

    private final RegexRail input;
    private final RegexRail output;
    private final BlockingIo blocking;

    private EmbeddedGuardrails(RailsFile.Rails rails, BlockingIo blocking) {
        input = rails.input();
        output = rails.output();
        this.blocking = blocking;
    }

    /**
     * Reads a configuration directory of NeMo Guardrails. Blocks; for the start of a server.
     *
     * @throws IllegalArgumentException with every mistake in it, a line each: among them whatever this engine would not
     *     run, and patterns that the two engines might read differently
     */
    public static EmbeddedGuardrails load(Path directory, BlockingIo blocking) throws IOException {
        var rails = RailsFile.read(directory);
        log.info(
                "rails loaded engine=embedded directory={} input_patterns={} output_patterns={}",
                directory,
                rails.input().patterns().size(),
                rails.output().patterns().size());
        return new EmbeddedGuardrails(rails, blocking);
    }

    /** Whether {@link #load} would take it: then all its rails are model-free, and say the same of a text every time. */
    public static boolean understands(Path directory) throws IOException {
        if (!Files.isRegularFile(directory.resolve("config.yml"))) {
            return false;
        }
        try {
            RailsFile.read(directory);
            return true;
        } catch (IllegalArgumentException e) {
            log.info("rails are not model-free, their verdicts are not kept directory={}", directory);
            return false;
        }
    }

    @Override
    public Future<Verdict> check(RailPhase phase, String text, CallContext call) {
        return RailSpans.around(Spans.rails(phase.word()), phase, call, (here, span) -> check(phase, text));
    }

    private Future<Verdict> check(RailPhase phase, String text) {
        var rail = phase == RailPhase.OUTPUT ? output : input;
        var verdict = text.length() > MAX_INLINE_CHARS
                ? blocking.run(() -> rail.check(text))
                : Future.<Void>succeededFuture().map(unused -> rail.check(text)); // map turns a throw into a failure
        return verdict.recover(cause -> Future.failedFuture(unavailable(cause)));
    }

    private static Failure unavailable(Throwable cause) {
        return Failure.unavailable("guardrails-unavailable", "the rails gave no verdict", cause);
    }
}

package io.taskpilot.tool;

import io.taskpilot.run.Attempt;
import io.taskpilot.run.Attempt.Lack;
import java.security.cert.CertificateException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** The attempt that is under way, as far as it got. Lives on the context of the call. */
final class OpenAttempt {
    private final Instant at = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    private final long began = System.nanoTime();
    private final Consumer<Attempt> journal;
    private Lack next = Lack.LOOKUP;
    private int redirects;
    private @Nullable Integer status;
    private boolean ended;
    private @Nullable Lack lack;

    /** @param journal gets it when it ends */
    OpenAttempt(Consumer<Attempt> journal) {
        this.journal = journal;
    }

    void redirected() {
        redirects++;
        status = null;
        next = Lack.LOOKUP;
    }

    void lookedUp() {
        next = Lack.CONNECT;
    }

    void connected() {
        next = Lack.NOT_SENT;
    }

    void sent() {
        next = Lack.NO_ANSWER;
    }

    void answered(int code) {
        status = code;
    }

    /** Ended by its answer if there was one, else by {@code cause}. Only the first end counts. */
    void end(@Nullable Throwable cause) {
        end(status != null || cause == null ? null : lackOf(cause));
    }

    void breakOff() {
        end(Lack.BROKEN_OFF);
    }

    /** Why there is no answer, for the agent and whoever reads the run: where the receiver is stays in the log. */
    String lackInWords() {
        return lack == null
                ? "an error of ours"
                : switch (lack) {
                    case LOOKUP -> "the receiver's name could not be resolved";
                    case FORBIDDEN_ADDRESS -> "the receiver's address is one where webhooks may not go";
                    case CONNECT -> "the receiver could not be reached";
                    case TLS -> "TLS failed";
                    case NOT_SENT -> "there was no time left, or the node was not sure to own the run";
                    case TIMEOUT -> "the receiver did not answer in time";
                    case NO_ANSWER -> "the connection ended before the answer did";
                    case BROKEN_OFF -> "broken off";
                };
    }

    private void end(@Nullable Lack why) {
        if (ended) {
            return;
        }
        ended = true;
        lack = why;
        var ms = (System.nanoTime() - began) / 1_000_000;
        journal.accept(new Attempt(at, ms, redirects, why == null ? status : null, why));
    }

    private Lack lackOf(Throwable failure) {
        if (next == Lack.NO_ANSWER) {
            return failure instanceof TimeoutException ? Lack.TIMEOUT : Lack.NO_ANSWER;
        }
        for (@Nullable Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof Network.Forbidden) {
                return Lack.FORBIDDEN_ADDRESS;
            }
            if (cause instanceof SSLException || cause instanceof CertificateException) {
                return Lack.TLS;
            }
        }
        return next;
    }
}

package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.run.Decision;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The hash that ties each decision to the one before it in its run, over every column.
 *
 * <p>The node makes the hash, so the time in it is the node's, cut to the microsecond that PostgreSQL stores.
 */
final class DecisionChain {
    private final ColumnHash hash;
    private final ShownDecision shown;

    DecisionChain(@Nullable Secret key, ShownDecision shown) {
        this.hash = new ColumnHash(key);
        this.shown = shown;
    }

    /** For whoever reads, or links what was not said of a tool call. */
    DecisionChain(@Nullable Secret key) {
        this(key, ShownDecision.PLAIN);
    }

    /**
     * Where a chain ends.
     *
     * @param length how many decisions are in it
     * @param hash of the last one; empty for none
     */
    record Head(long length, String hash) {
        static final Head NONE = new Head(0, "");
        /** Nobody asked, as nothing is to be linked. */
        static final Head UNKNOWN = new Head(-1, "");

        boolean isKnown() {
            return length >= 0;
        }
    }

    /** @param position in its chain, from 1 */
    record Link(long position, DecisionView view) {
        Head head() {
            return new Head(position, view.hash());
        }
    }

    /** How the decision is to be told in the log. */
    ShownDecision shown() {
        return shown;
    }

    static Instant now() {
        return Instant.now().truncatedTo(ChronoUnit.MICROS);
    }

    /** @param unlinked its {@code prevHash} and {@code hash} are replaced */
    Link link(Head head, DecisionView unlinked) {
        var position = head.length() + 1;
        var prepared = withHash(unlinked, head.hash(), "");
        return new Link(position, withHash(prepared, head.hash(), hash(position, prepared)));
    }

    private static DecisionView withHash(DecisionView v, String prevHash, String hash) {
        return new DecisionView(
                v.decision(),
                v.chainId(),
                v.runId(),
                v.requestId(),
                v.traceId(),
                v.tenant(),
                v.principal(),
                v.createdAt(),
                prevHash,
                hash);
    }

    /** What {@code hash} must be, given everything else in the row. */
    String hash(long position, DecisionView row) {
        var d = row.decision();
        var columns = List.of(
                row.prevHash(),
                row.chainId().toString(),
                Long.toString(position),
                d.id().toString(),
                row.runId() == null ? "" : row.runId().toString(),
                row.requestId(),
                row.traceId(),
                row.tenant(),
                row.principal(),
                d.type().word(),
                d.phase(),
                d.result().word(),
                d.rule(),
                d.reason(),
                d.agent(),
                d.tool(),
                d.policyRevision(),
                d.inputSha256(),
                d.context(),
                Double.toString(d.latencyMs()),
                Long.toString(ChronoUnit.MICROS.between(Instant.EPOCH, row.createdAt())));
        return hash.of(columns);
    }

    /** A decision with every text as jsonb and text columns will give it back. */
    static Decision clean(Decision d) {
        return new Decision(
                d.id(),
                d.type(),
                JsonText.clean(d.phase()),
                d.result(),
                JsonText.clean(d.rule()),
                JsonText.clean(d.reason()),
                JsonText.clean(d.agent()),
                JsonText.clean(d.tool()),
                JsonText.clean(d.policyRevision()),
                JsonText.clean(d.inputSha256()),
                JsonText.clean(d.context()),
                d.latencyMs());
    }
}

package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.journal.DecisionChain.Link;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Walks chains of decisions, link by link, and names what is wrong with them. */
final class ChainAudit {
    private static final int FARTHEST = 16;

    private final DecisionChain chain;
    private final Findings findings;
    private @Nullable UUID current;
    private Head head = Head.NONE;
    private @Nullable Long counted;
    private @Nullable String expectedHash;
    private boolean ofRun;
    private boolean currentBroken;

    ChainAudit(DecisionChain chain, Findings findings) {
        this.chain = chain;
        this.findings = findings;
    }

    /**
     * Links in the order of chains and positions.
     *
     * @param countedAtHead how many there are, as the run or the chain's own head says; null when there is none
     * @param hashAtHead of the last one, as it says
     */
    void next(Link link, @Nullable Long countedAtHead, @Nullable String hashAtHead) {
        var view = link.view();
        if (!view.chainId().equals(current)) {
            end();
            current = view.chainId();
            head = Head.NONE;
            currentBroken = false;
            ofRun = view.runId() != null;
            findings.chain();
        }
        findings.row();
        counted = countedAtHead;
        expectedHash = hashAtHead;
        var place = "chain %s position %d (decision %s): "
                .formatted(view.chainId(), link.position(), view.decision().id());
        if (link.position() > head.length() + 1) {
            wrong(
                    Check.CHAIN,
                    "chain %s: %d deleted before position %d"
                            .formatted(view.chainId(), link.position() - head.length() - 1, link.position()));
        } else if (!view.prevHash().equals(head.hash())) {
            wrong(Check.CHAIN, place + "does not follow the decision before it: changed, inserted or reordered");
        }
        if (!isMadeFor(link.position(), link)) {
            wrong(Check.CHAIN, place + what(link));
        }
        head = link.head();
    }

    private boolean isMadeFor(long position, Link link) {
        return link.view().hash().equals(chain.hash(position, link.view()));
    }

    /** The hash covers the position: a row that holds at another one was moved, not changed. */
    private String what(Link link) {
        for (var away = 1; away <= FARTHEST; away++) {
            if (isMadeFor(link.position() - away, link)) {
                return "inserted before it, or reordered: it was made for position " + (link.position() - away);
            }
            if (isMadeFor(link.position() + away, link)) {
                return "deleted before it, or reordered: it was made for position " + (link.position() + away);
            }
        }
        return "changed";
    }

    /** After the last link. */
    void end() {
        if (current == null) {
            return;
        }
        if (counted == null) {
            wrong(Check.RUN, "chain %s: its %s is gone".formatted(current, ofRun ? "run" : "head"));
        } else if (counted > head.length()) {
            wrong(Check.RUN, "chain %s: %d deleted at the end".formatted(current, counted - head.length()));
        } else if (counted < head.length()) {
            wrong(Check.RUN, "chain %s: %d inserted at the end".formatted(current, head.length() - counted));
        } else if (!currentBroken && !head.hash().equals(expectedHash)) {
            wrong(Check.RUN, "chain %s: the whole of it was rewritten".formatted(current));
        }
        current = null;
    }

    private void wrong(Check check, String what) {
        currentBroken = true;
        findings.wrong(check, what);
    }
}

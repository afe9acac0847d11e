package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Verification;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.journal.DecisionChain.Link;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Walks chains of decisions, link by link, and names what is wrong with them. */
final class ChainAudit {
    private static final int LONGEST_LIST = 100;

    private final DecisionChain chain;
    private final List<String> broken = new ArrayList<>();
    private @Nullable UUID current;
    private Head head = Head.NONE;
    private @Nullable Long counted;
    private @Nullable String expectedHash;
    private boolean ofRun;
    private boolean currentBroken;
    private long chains;
    private long rows;

    ChainAudit(DecisionChain chain) {
        this.chain = chain;
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
            chains++;
        }
        rows++;
        counted = countedAtHead;
        expectedHash = hashAtHead;
        var place = "chain %s position %d (decision %s): "
                .formatted(view.chainId(), link.position(), view.decision().id());
        if (link.position() > head.length() + 1) {
            wrong("chain %s: %d deleted before position %d"
                    .formatted(view.chainId(), link.position() - head.length() - 1, link.position()));
        } else if (!view.prevHash().equals(head.hash())) {
            wrong(place + "does not follow the decision before it: changed, inserted or reordered");
        }
        if (!view.hash().equals(chain.hash(link.position(), view))) {
            wrong(place + "changed");
        }
        head = link.head();
    }

    /** After the last link. */
    void end() {
        if (current == null) {
            return;
        }
        if (counted == null) {
            wrong("chain %s: its %s is gone".formatted(current, ofRun ? "run" : "head"));
        } else if (counted > head.length()) {
            wrong("chain %s: %d deleted at the end".formatted(current, counted - head.length()));
        } else if (counted < head.length()) {
            wrong("chain %s: %d inserted at the end".formatted(current, head.length() - counted));
        } else if (!currentBroken && !head.hash().equals(expectedHash)) {
            wrong("chain %s: the whole of it was rewritten".formatted(current));
        }
        current = null;
    }

    /** A run or a head that says there are decisions, and none are there. */
    void empty(UUID chainId, long countedAtHead) {
        chains++;
        wrong("chain %s: all %d deleted".formatted(chainId, countedAtHead));
    }

    private void wrong(String what) {
        currentBroken = true;
        if (broken.size() < LONGEST_LIST) {
            broken.add(what);
        }
    }

    Verification verification() {
        return new Verification(chains, rows, List.copyOf(broken));
    }
}

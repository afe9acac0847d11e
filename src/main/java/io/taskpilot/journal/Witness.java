package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.run.RunState;
import java.util.function.Consumer;

/**
 * Who is told of what this node committed, once it is known to be, on any event loop. Told of nothing twice; a process
 * that dies after a commit tells nobody of it.
 *
 * @param decided of each row of the decision log, that of a run or of none
 * @param ended of each run with its terminal event
 */
public record Witness(Consumer<DecisionView> decided, Consumer<RunState> ended) {
    /** Tells nobody. */
    public static final Witness NONE = new Witness(decision -> {}, run -> {});

    void saw(Append append) {
        append.decisions.forEach(link -> decided.accept(link.view()));
        if (append.after.status().isTerminal()) { // nothing is appended to a run that had ended before
            ended.accept(append.after);
        }
    }
}

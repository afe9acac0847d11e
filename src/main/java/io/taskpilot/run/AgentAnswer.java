package io.taskpilot.run;

import java.util.List;

/** What an agent's model answered, after strict parsing. */
public sealed interface AgentAnswer {

    /** The planner's function call {@code propose_task}. */
    record Proposal(TaskProposal task) implements AgentAnswer {}

    /** The reviewer's word. Whatever was not exactly one of the three words is {@code REVIEW}. */
    record Review(ReviewVerdict verdict, String text) implements AgentAnswer {}

    /**
     * Tool calls of the executor, at least one.
     *
     * @param text what the model said beside them, often empty
     */
    record Calls(String text, List<ToolCall> calls) implements AgentAnswer {
        public Calls {
            calls = List.copyOf(calls);
            if (calls.isEmpty()) {
                throw new IllegalArgumentException("no calls (expected: at least one)");
            }
        }
    }

    /** The executor's closing words. */
    record Text(String text) implements AgentAnswer {}

    /**
     * An answer that does not fit the agent's contract. It is asked again once, with the errors.
     *
     * @param raw what the model said, cut to a sane length
     */
    record Invalid(String raw, List<String> errors) implements AgentAnswer {
        public Invalid {
            errors = List.copyOf(errors);
        }
    }

    /** An answer that an output rail blocked: its content is kept from the journal and from every stream. */
    record Withheld(String sha256) implements AgentAnswer {}
}

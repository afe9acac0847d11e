package io.taskpilot.engine;

import io.taskpilot.run.Agent;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Live text on its way to the other nodes: {@code 1 <sender> text <run id> <seq> <agent> <offset> <text>}, the text as it
 * is. Reads no {@link SignalMessage}, and is read as none.
 *
 * @param sender tells a node's own messages from others'
 */
record TextMessage(String sender, AgentDelta delta) {
    private static final String AGENTS =
            Arrays.stream(Agent.values()).map(Agent::title).collect(Collectors.joining("|"));
    private static final Pattern FORM = Pattern.compile(
            "1 ([0-9a-f]{16}) text ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ([1-9][0-9]{0,17}) (" + AGENTS
                    + ") (0|[1-9][0-9]{0,8}) (.{1," + AgentDelta.MOST_CHARS + "})",
            Pattern.DOTALL);

    String text() {
        return "1 %s text %s %d %s %d %s"
                .formatted(sender, delta.runId(), delta.seq(), delta.agent().title(), delta.offset(), delta.text());
    }

    /** Empty for whatever {@link #text} does not write. */
    static Optional<TextMessage> parse(String text) {
        var form = FORM.matcher(text);
        if (!form.matches() || form.group(6).length() > AgentDelta.MOST_CHARS) {
            return Optional.empty();
        }
        return Optional.of(new TextMessage(
                form.group(1),
                new AgentDelta(
                        UUID.fromString(form.group(2)),
                        Long.parseLong(form.group(3)),
                        Agent.of(form.group(4)),
                        Integer.parseInt(form.group(5)),
                        form.group(6))));
    }
}

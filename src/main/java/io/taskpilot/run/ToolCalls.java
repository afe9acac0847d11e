package io.taskpilot.run;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A run's tool calls by id, in the order they were asked for. Immutable.
 *
 * @param reviewed the call that carries out the reviewed proposal, once one has started
 */
record ToolCalls(Map<String, CallState> byId, @Nullable String reviewed) {
    static final ToolCalls NONE = new ToolCalls(Map.of(), null);

    ToolCalls {
        byId = Collections.unmodifiableMap(byId);
    }

    /** @throws IllegalStateException when an id is taken: a call is proposed once, or it could start twice */
    ToolCalls proposed(List<ToolCall> calls) {
        var longer = new LinkedHashMap<>(byId);
        for (var call : calls) {
            if (longer.putIfAbsent(call.id(), CallState.proposed(call)) != null) {
                throw new IllegalStateException("two calls with the id " + call.id());
            }
        }
        return new ToolCalls(longer, reviewed);
    }

    /** @throws IllegalStateException when there is no such call */
    ToolCalls with(String id, UnaryOperator<CallState> change) {
        var call = byId.get(id);
        if (call == null) {
            throw new IllegalStateException("no call " + id);
        }
        var changed = new LinkedHashMap<>(byId);
        changed.put(id, change.apply(call));
        return new ToolCalls(changed, reviewed);
    }

    ToolCalls reviewed(@Nullable String id) {
        return new ToolCalls(byId, id);
    }

    /** What another owner started and never wrote down the end of. */
    ToolCalls inDoubt() {
        var changed = new LinkedHashMap<>(byId);
        changed.replaceAll(
                (id, call) -> call.stage() == CallState.Stage.STARTED ? call.at(CallState.Stage.IN_DOUBT) : call);
        return new ToolCalls(changed, reviewed);
    }
}

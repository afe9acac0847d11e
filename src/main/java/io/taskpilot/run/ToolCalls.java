package io.taskpilot.run;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A run's tool calls by id, in the order they were asked for. Immutable.
 *
 * @param reviewed the call that carries out the reviewed proposal, once one has started
 * @param tasks what the calls executed or made so far
 */
record ToolCalls(Map<String, CallState> byId, @Nullable String reviewed, List<UUID> tasks) {
    static final ToolCalls NONE = new ToolCalls(Map.of(), null, List.of());

    ToolCalls {
        byId = Collections.unmodifiableMap(byId);
        tasks = List.copyOf(tasks);
    }

    /** @throws IllegalStateException when an id is taken: a call is proposed once, or it could start twice */
    ToolCalls proposed(List<ToolCall> calls) {
        var longer = new LinkedHashMap<>(byId);
        for (var call : calls) {
            if (longer.putIfAbsent(call.id(), CallState.proposed(call)) != null) {
                throw new IllegalStateException("two calls with the id " + call.id());
            }
        }
        return new ToolCalls(longer, reviewed, tasks);
    }

    /** @throws IllegalStateException when there is no such call */
    ToolCalls with(String id, UnaryOperator<CallState> change) {
        var call = byId.get(id);
        if (call == null) {
            throw new IllegalStateException("no call " + id);
        }
        var changed = new LinkedHashMap<>(byId);
        changed.put(id, change.apply(call));
        return new ToolCalls(changed, reviewed, tasks);
    }

    ToolCalls reviewed(@Nullable String id) {
        return new ToolCalls(byId, id, tasks);
    }

    /** @param proposed the task that the reviewed call carries out; null where none was proposed */
    ToolCalls returned(RunEvent.ToolCompleted event, @Nullable UUID proposed) {
        var changed = with(event.callId(), call -> call.returned(event));
        var longer = new ArrayList<>(tasks);
        if (event.callId().equals(reviewed)) {
            if (event.error()) {
                changed = changed.reviewed(null); // it had no effect, so another call may still carry the proposal out
            } else if (proposed != null) {
                longer.add(proposed);
            }
        }
        event.changes().stream()
                .filter(change -> change.kind() == TaskChange.Kind.CREATE)
                .forEach(change -> longer.add(change.taskId()));
        return new ToolCalls(changed.byId, changed.reviewed, longer);
    }

    /** What another owner started and never wrote down the end of. */
    ToolCalls inDoubt() {
        var changed = new LinkedHashMap<>(byId);
        changed.replaceAll(
                (id, call) -> call.stage() == CallState.Stage.STARTED ? call.at(CallState.Stage.IN_DOUBT) : call);
        return new ToolCalls(changed, reviewed, tasks);
    }
}

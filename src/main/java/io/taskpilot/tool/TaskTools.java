package io.taskpilot.tool;

import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.Tool;
import java.util.List;

/** The tools whose effect is inside PostgreSQL: they return changes, and the journal applies them. */
public final class TaskTools {
    private TaskTools() {}

    /** All four; they read tasks through {@code reader}, and write nothing. */
    public static List<Tool> all(RunReader reader) {
        return List.of(new CreateTask(), new UpdateTask(reader), new ListTasks(reader), new DeleteTask(reader));
    }
}

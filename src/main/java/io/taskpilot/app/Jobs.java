package io.taskpilot.app;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/**
 * What commands have done for them by the rest of the product. Tests put a scripted server here.
 *
 * @param start a server in this process; blocks until it accepts
 * @param migrate brings the database at that URL up to date; the number of migrations that ran
 * @param restored parks the unfinished runs of a restored database; how many there are
 */
record Jobs(
        Function<TaskPilotConfig, LocalServer> start, ToIntFunction<Secret> migrate, ToIntFunction<Secret> restored) {}

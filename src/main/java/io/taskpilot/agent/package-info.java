/** Planner, reviewer and executor: their files under {@code conf/agents}, their prompts, and strict parsing. */
@NullMarked
package io.taskpilot.agent;

import org.jspecify.annotations.NullMarked;

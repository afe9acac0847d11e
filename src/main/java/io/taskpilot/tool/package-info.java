/** The built-in tools: tasks, whose effect is a value the journal applies, and signed webhooks. */
@NullMarked
package io.taskpilot.tool;

import org.jspecify.annotations.NullMarked;

/** The built-in tools: changes of tasks as values, and signed webhooks. */
@NullMarked
package io.taskpilot.tool;

import org.jspecify.annotations.NullMarked;

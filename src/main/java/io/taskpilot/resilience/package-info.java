/** Deadlines, bounds, retries and the one failure type. Knows Vert.x core and nothing of ours. */
@NullMarked
package io.taskpilot.resilience;

import org.jspecify.annotations.NullMarked;

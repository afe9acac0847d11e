/** Every metric's name in one place, the states behind {@code /health}, and the lag of the event loops. */
@NullMarked
package io.taskpilot.telemetry;

import org.jspecify.annotations.NullMarked;

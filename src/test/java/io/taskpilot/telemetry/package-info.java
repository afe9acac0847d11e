/** Tests of the metrics. */
@NullMarked
package io.taskpilot.telemetry;

import org.jspecify.annotations.NullMarked;

/**
 * The core: what a run is, as values and pure functions. No I/O, no clock, no library but the JDK; JSON values are
 * {@code Map}, {@code List}, {@code String}, {@code Number} and {@code Boolean}.
 */
@NullMarked
package io.taskpilot.run;

import org.jspecify.annotations.NullMarked;

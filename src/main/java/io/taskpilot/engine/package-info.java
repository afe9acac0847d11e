/** Drives runs, and declares what it needs to do so: the ports that adapters implement. */
@NullMarked
package io.taskpilot.engine;

import org.jspecify.annotations.NullMarked;

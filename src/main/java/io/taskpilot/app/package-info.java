/** The process: the command line, and the composition root that builds and closes everything. */
@NullMarked
package io.taskpilot.app;

import org.jspecify.annotations.NullMarked;

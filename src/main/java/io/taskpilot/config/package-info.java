/** The configuration: typed records, read once at start, every mistake reported at once. */
@NullMarked
package io.taskpilot.config;

import org.jspecify.annotations.NullMarked;

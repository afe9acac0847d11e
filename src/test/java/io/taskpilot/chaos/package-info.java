/**
 * Server processes on one PostgreSQL and one Redis, under load, while all of them are killed, stopped, drained and
 * restarted; what must hold is checked from the outside.
 */
@NullMarked
package io.taskpilot.chaos;

import org.jspecify.annotations.NullMarked;

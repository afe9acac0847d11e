/** Redis: wakes other nodes, and carries text that is being written. Nothing in it decides. */
@NullMarked
package io.taskpilot.redis;

import org.jspecify.annotations.NullMarked;

/** Redis: wakes other nodes. Nothing in it decides. */
@NullMarked
package io.taskpilot.redis;

import org.jspecify.annotations.NullMarked;

/** Programs of others that tests start. */
@NullMarked
package io.taskpilot.outside;

import org.jspecify.annotations.NullMarked;

/** Tests of the gateway over real sockets, in front of runs that live in memory. */
@NullMarked
package io.taskpilot.gateway;

import org.jspecify.annotations.NullMarked;

/** The one edge: HTTP, SSE and WebSocket in front of the engine. Only this package knows a routing context. */
@NullMarked
package io.taskpilot.gateway;

import org.jspecify.annotations.NullMarked;

/** Load on a running TaskPilot, seen from its clients: simulations of Gatling, and what they hold a server to. */
package io.taskpilot.load;

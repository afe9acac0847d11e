@NullMarked
package io.taskpilot.agent;

import org.jspecify.annotations.NullMarked;

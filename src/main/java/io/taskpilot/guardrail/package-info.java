/** The rails: checks of every text that goes in or out. */
@NullMarked
package io.taskpilot.guardrail;

import org.jspecify.annotations.NullMarked;

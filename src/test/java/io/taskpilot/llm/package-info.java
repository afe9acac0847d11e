@NullMarked
package io.taskpilot.llm;

import org.jspecify.annotations.NullMarked;

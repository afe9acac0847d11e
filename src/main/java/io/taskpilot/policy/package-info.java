/** The engines that decide tool calls: Rego compiled to WebAssembly in this process, or an OPA server. */
@NullMarked
package io.taskpilot.policy;

import org.jspecify.annotations.NullMarked;

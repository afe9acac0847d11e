/** Models: the OpenAI-compatible client, the offline model, and what models cost. */
@NullMarked
package io.taskpilot.llm;

import org.jspecify.annotations.NullMarked;

/** What stands beside the server: the files of the stack, held against each other and run as far as there are tools. */
@NullMarked
package io.taskpilot.stack;

import org.jspecify.annotations.NullMarked;

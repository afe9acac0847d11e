@NullMarked
package io.taskpilot.objects;

import org.jspecify.annotations.NullMarked;

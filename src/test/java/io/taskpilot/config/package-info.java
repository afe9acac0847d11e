@NullMarked
package io.taskpilot.config;

import org.jspecify.annotations.NullMarked;

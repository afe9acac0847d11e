/** The Helm chart: what it renders, what it refuses, and what a pod does that is started as it says. */
@NullMarked
package io.taskpilot.chart;

import org.jspecify.annotations.NullMarked;

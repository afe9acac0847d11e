/** PostgreSQL: the group-commit writer, reading, projections, migrations, and the embedded server. */
@NullMarked
package io.taskpilot.journal;

import org.jspecify.annotations.NullMarked;

/** Where archived traces are kept: files, or any S3 API. */
@NullMarked
package io.taskpilot.objects;

import org.jspecify.annotations.NullMarked;

package io.taskpilot.engine;

import io.vertx.core.Future;
import java.nio.file.Path;

/**
 * Keeps objects by key, {@code /} between its parts. Futures complete on the caller's context, and fail with {@code
 * archive-unavailable} (503) while the store is away or refuses; each call ends in bounded time.
 */
public interface ObjectStore {
    /** Whether it could take an object now. */
    Future<Void> check();

    /** Stores what is in {@code file}, whole or not at all, in place of what was there. */
    Future<Void> put(String key, Path file);

    /** Replaces what is in {@code file} by the object; fails with {@code internal-archive} when there is none. */
    Future<Void> get(String key, Path file);

    /** Succeeds as well when there is no such object. */
    Future<Void> delete(String key);
}

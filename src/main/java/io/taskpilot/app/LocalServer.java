package io.taskpilot.app;

import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A server in this process, as the commands that start one see it.
 *
 * @param url of the API; null when it has none, as a node that only drives runs
 * @param managementUrl of health and metrics
 * @param engines which engine does each job, and what it can do less, one line each
 * @param close stops it in order; blocks, with a bound
 * @param hurry ends the waiting of {@code close}; called on another thread
 */
record LocalServer(@Nullable URI url, URI managementUrl, List<String> engines, Runnable close, Runnable hurry) {}

package io.taskpilot.run;

/**
 * Why a run did not succeed.
 *
 * @param slug as in {@code policy-unavailable}: the last segment of a problem type (RFC 9457)
 * @param detail for people; never a secret, a stack trace or SQL
 */
public record Problem(String slug, String detail) {}

package io.taskpilot.resilience;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why something could not be done, in words a caller may see. The kind is the status and the metric label, the slug the
 * problem type (RFC 9457). The message is for people and goes into answers, except for {@link Kind#INTERNAL}.
 */
public final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Who is at fault, and the HTTP status that says so. */
    public enum Kind {
        INVALID(400),
        UNAUTHENTICATED(401),
        PAYMENT(402),
        DENIED(403),
        NOT_FOUND(404),
        METHOD_NOT_ALLOWED(405),
        NOT_ACCEPTABLE(406),
        CONFLICT(409),
        GONE(410),
        TOO_LARGE(413),
        URI_TOO_LONG(414),
        UNSUPPORTED(415),
        UNPROCESSABLE(422),
        LIMITED(429),
        HEADERS_TOO_LARGE(431),
        INTERNAL(500),
        UPSTREAM(502),
        UNAVAILABLE(503),
        TIMEOUT(504);

        private final int status;

        Kind(int status) {
            this.status = status;
        }

        public int status() {
            return status;
        }
    }

    /**
     * One mistake in an input.
     *
     * @param pointer JSON pointer (RFC 6901) into the body; for a parameter, header or path, its name after {@code #}
     * @param detail the value and what was expected
     */
    public record Violation(String pointer, String detail) {
        /** In a line. Of the whole input, which has an empty pointer, the detail alone. */
        public String text() {
            return pointer.isEmpty() ? detail : pointer + ": " + detail;
        }
    }

    private final Kind kind;
    private final String slug;
    private final List<Violation> violations;
    private final @Nullable Duration retryAfter;

    private Failure(
            Kind kind,
            String slug,
            String detail,
            List<Violation> violations,
            @Nullable Duration retryAfter,
            @Nullable Throwable cause) {
        super(detail, cause, false, kind == Kind.INTERNAL); // expected outcomes need no stack trace
        this.kind = kind;
        this.slug = slug;
        this.violations = List.copyOf(violations);
        this.retryAfter = retryAfter;
    }

    public static Failure of(Kind kind, String slug, String detail) {
        return new Failure(kind, slug, detail, List.of(), null, null);
    }

    public static Failure of(Kind kind, String slug, String detail, Throwable cause) {
        return new Failure(kind, slug, detail, List.of(), null, cause);
    }

    /** A 400 that names each mistake. */
    public static Failure invalid(List<Violation> violations) {
        var detail = violations.size() == 1 ? violations.get(0).text() : violations.size() + " mistakes";
        return new Failure(Kind.INVALID, "caller-invalid", detail, violations, null, null);
    }

    public static Failure invalid(String pointer, String detail) {
        return invalid(List.of(new Violation(pointer, detail)));
    }

    public static Failure notFound(String what) {
        return of(Kind.NOT_FOUND, "caller-not-found", "no such " + what);
    }

    /** A 503 that a caller may try again after {@code retryAfter}. */
    public static Failure overloaded(String slug, String detail, Duration retryAfter) {
        return new Failure(Kind.UNAVAILABLE, slug, detail, List.of(), retryAfter, null);
    }

    /** A 429 that a caller may try again after {@code retryAfter}. */
    public static Failure limited(String slug, String detail, Duration retryAfter) {
        return new Failure(Kind.LIMITED, slug, detail, List.of(), retryAfter, null);
    }

    /** A 503: what is needed to answer can't be reached. Not an error of ours, never a verdict. */
    public static Failure unavailable(String slug, String detail, Throwable cause) {
        return new Failure(Kind.UNAVAILABLE, slug, detail, List.of(), Duration.ofSeconds(1), cause);
    }

    public static Failure internal(String slug, Throwable cause) {
        return new Failure(Kind.INTERNAL, slug, "an error of ours", List.of(), null, cause);
    }

    public Kind kind() {
        return kind;
    }

    /** As in {@code policy-unavailable}. */
    public String slug() {
        return slug;
    }

    /** What people are told; never null. */
    public String detail() {
        return String.valueOf(getMessage());
    }

    public List<Violation> violations() {
        return violations;
    }

    /** When trying again makes sense, if it does. */
    public @Nullable Duration retryAfter() {
        return retryAfter;
    }

    /** The failure inside {@code cause}, or an internal one around it. */
    public static Failure from(Throwable cause) {
        return cause instanceof Failure failure ? failure : internal("internal-error", cause);
    }
}

package io.taskpilot.telemetry;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.ContextKey;
import io.vertx.core.Vertx;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What every log line of a Vert.x context tells besides its message: whose request, which run, which trace. It belongs
 * to the context and not to the thread, on which many runs take turns, so it is there in every callback of a run.
 */
public final class LogScope {
    public static final String REQUEST_ID = "labels.request_id";
    public static final String RUN_ID = "labels.run_id";
    public static final String USER_ID = "user.id";
    public static final String TRACE_ID = "trace.id";
    private static final ContextKey<Map<String, String>> FIELDS = ContextKey.named("taskpilot.log");
    private static final int USER_BYTES = 8;

    private LogScope() {}

    /** Has every later line of the caller's Vert.x context tell this. For a context that nobody shares. */
    @SuppressWarnings("MustBeClosedChecker") // it ends with the context
    public static void add(Map<String, String> fields) {
        if (Vertx.currentContext() != null) {
            var all = new LinkedHashMap<>(fields(Context.current()));
            all.putAll(fields);
            Context.current().with(FIELDS, all).makeCurrent();
        }
    }

    /** By what lines know a principal: always the same, and not its name. */
    public static String user(String principal) {
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(principal.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, USER_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }

    /** Of the caller's context. The span is the one that the context is about, as the transaction is. */
    static Map<String, String> current() {
        var context = Context.current();
        var fields = fields(context);
        var span = Span.fromContext(context).getSpanContext();
        if (!span.isValid()) {
            return fields;
        }
        var all = new LinkedHashMap<String, String>();
        all.put(TRACE_ID, span.getTraceId());
        all.put("span.id", span.getSpanId());
        all.put("transaction.id", span.getSpanId());
        all.putAll(fields);
        return all;
    }

    private static Map<String, String> fields(Context context) {
        var fields = context.get(FIELDS);
        return fields == null ? Map.of() : fields;
    }
}

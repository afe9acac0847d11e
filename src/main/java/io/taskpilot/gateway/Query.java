package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.StorableText;
import io.vertx.ext.web.RoutingContext;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Path and query parameters. */
final class Query {
    private static final Pattern CURSOR = Pattern.compile("[\\w.=~-]{1,512}");
    private static final Instant FIRST = Instant.EPOCH;
    private static final Instant LAST = Instant.parse("9999-12-31T23:59:59Z");

    private Query() {}

    /** @throws Failure {@code caller-invalid} for a parameter that is given twice */
    static Fields fields(RoutingContext ctx) {
        var parameters = new LinkedHashMap<String, String>();
        for (var entry : ctx.queryParams()) {
            if (parameters.put(entry.getKey(), StorableText.clean(entry.getValue())) != null) {
                throw Failure.invalid("#" + StrictJson.escape(entry.getKey()), "given twice (expected: once)");
            }
        }
        return Fields.ofQuery(parameters);
    }

    /** Reads {@code cursor} and {@code limit}. */
    static PageRequest page(Fields in) {
        var cursor = in.textOr("cursor", "", 512);
        if (!cursor.isEmpty() && !CURSOR.matcher(cursor).matches()) {
            in.mistake("cursor", "not a cursor of this server");
        }
        return new PageRequest(cursor.isEmpty() ? null : cursor, (int) in.integerOr("limit", 50, 1, 200));
    }

    static @Nullable Instant instant(Fields in, String name) {
        var text = in.textOr(name, "", 64);
        if (text.isEmpty()) {
            return null;
        }
        var instant = parse(text);
        if (instant == null || instant.isBefore(FIRST) || instant.isAfter(LAST)) {
            in.mistake(name, Fields.quoted(text) + " (expected: a time as in 2026-11-23T09:00:00Z)");
            return null;
        }
        return instant;
    }

    private static @Nullable Instant parse(String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeException e) {
            return null;
        }
    }

    static @Nullable String text(Fields in, String name, int longest) {
        var text = in.textOr(name, "", longest);
        return text.isEmpty() ? null : text;
    }

    /** The id in the path. @throws Failure {@code caller-not-found}, as nothing can have a malformed id */
    static UUID id(RoutingContext ctx, String prefix, String what) {
        var id = Fields.ids(ctx.pathParam("id"), prefix);
        if (id == null) {
            throw Failure.notFound(what);
        }
        return id;
    }
}

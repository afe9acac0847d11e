package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.taskpilot.resilience.RetryAfter;
import io.taskpilot.run.StorableText;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A complete answer of a receiver.
 *
 * @param retryAfter how long the receiver wants to be left alone; zero when it does not say
 * @param body as much of it as was read
 * @param cut more of it was there
 */
record Answer(int status, @Nullable String redirectedTo, Duration retryAfter, String body, boolean cut) {
    private static final int MAX_BYTES = 64 * 1024;
    private static final int MAX_CHARS = 4 * 1024;

    /**
     * Reads the body to its end, or as far as 64 KiB, where the rest is no longer waited for. Fails when the connection
     * ends before the body. To be called in the turn that delivers the response: what comes before a handler is lost.
     */
    static Future<Answer> read(HttpClientResponse response) {
        var complete = Promise.<Answer>promise();
        var body = Buffer.buffer();
        response.exceptionHandler(complete::tryFail);
        response.endHandler(unused -> complete.tryComplete(of(response, body, false)));
        response.handler(chunk -> {
            body.appendBuffer(chunk, 0, Math.min(chunk.length(), MAX_BYTES - body.length()));
            if (body.length() == MAX_BYTES) {
                complete.tryComplete(of(response, body, true));
            }
        });
        return complete.future();
    }

    private static Answer of(HttpClientResponse response, Buffer body, boolean more) {
        var text = StorableText.clean(body.toString(UTF_8));
        var kept = StorableText.cut(text, MAX_CHARS);
        var cut = more || kept.length() < text.length();
        var retryAfter = RetryAfter.of(response.headers(), Instant.now());
        return new Answer(response.statusCode(), response.getHeader("Location"), retryAfter, kept, cut);
    }

    /** What the agent is told. */
    Map<String, Object> result() {
        var result = new LinkedHashMap<String, Object>();
        result.put("status", status);
        result.put("body", body);
        if (cut) {
            result.put("cut", true);
        }
        return result;
    }

    /** Where a redirect from {@code url} leads; null when it does not say, or not in words that can be read. */
    @Nullable
    URI location(URI url) {
        if (redirectedTo == null || redirectedTo.isBlank()) {
            return null;
        }
        try {
            var next = url.resolve(redirectedTo);
            return next.getHost() == null ? null : next;
        } catch (IllegalArgumentException e) {
            return null; // said by the caller in words of its own
        }
    }
}

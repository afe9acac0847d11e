package io.taskpilot.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A client that gives up on a node that is silent: one connection a call, and a limit on every read. */
final class Http {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final int CONNECT_MILLIS = 2_000;
    private static final int ANSWER_MILLIS = 6_000;

    /** @param body as text, empty if there is none */
    record Answer(int status, String body) {
        JsonNode json() throws IOException {
            return JSON.readTree(body);
        }
    }

    private Http() {}

    static Answer get(URI url) throws IOException {
        return answer(open(url, "GET", ANSWER_MILLIS, Map.of()));
    }

    static Answer post(URI url, String body, Map<String, String> headers) throws IOException {
        var connection = open(url, "POST", ANSWER_MILLIS, headers);
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setDoOutput(true);
        connection.setFixedLengthStreamingMode(
                body.getBytes(StandardCharsets.UTF_8).length); // so that it never repeats
        try (OutputStream out = connection.getOutputStream()) {
            out.write(body.getBytes(StandardCharsets.UTF_8));
        }
        return answer(connection);
    }

    /** @param silenceMillis a read that takes longer fails */
    static HttpURLConnection open(URI url, String method, int silenceMillis, Map<String, String> headers)
            throws IOException {
        var connection = (HttpURLConnection) url.toURL().openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(CONNECT_MILLIS);
        connection.setReadTimeout(silenceMillis);
        connection.setRequestProperty("Connection", "close");
        headers.forEach(connection::setRequestProperty);
        return connection;
    }

    private static Answer answer(HttpURLConnection connection) throws IOException {
        var status = connection.getResponseCode();
        try (var stream = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return new Answer(status, text(stream));
        } finally {
            connection.disconnect();
        }
    }

    private static String text(@Nullable InputStream stream) throws IOException {
        return stream == null ? "" : new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
}

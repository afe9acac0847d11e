package io.taskpilot.load;

import static io.gatling.javaapi.http.HttpDsl.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gatling.javaapi.http.HttpProtocolBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** The server under load: {@code -DbaseUrl=}, and {@code -DapiKeyFile=} or {@code -DapiKey=} where it wants one. */
final class Api {
    /** How long a run may take before its client gives up. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    /** How often a client looks: at what came in, or for a run that it polls. */
    static final Duration LOOK = Duration.ofMillis(50);

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String INPUT = "Create a low priority task to water the plants";
    private static final int MESSAGES = 10_000;

    private Api() {}

    static HttpProtocolBuilder protocol() {
        var url = System.getProperty("baseUrl", "http://127.0.0.1:8000").replaceFirst("/$", "");
        var key = key();
        var protocol = http.baseUrl(url)
                .wsBaseUrl(url.replaceFirst("^http", "ws"))
                .contentTypeHeader("application/json")
                .sseUnmatchedInboundMessageBufferSize(MESSAGES)
                .wsUnmatchedInboundMessageBufferSize(MESSAGES);
        return key.isEmpty() ? protocol : protocol.authorizationHeader("Bearer " + key);
    }

    /** A command line is for everybody on the machine to read: the key of a server that matters comes in a file. */
    static String key() {
        var file = System.getProperty("apiKeyFile", "");
        try {
            return file.isEmpty()
                    ? System.getProperty("apiKey", "")
                    : Files.readString(Path.of(file)).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The body of a submission. */
    static String body() {
        return "{\"input\": \"" + INPUT + "\"}";
    }

    /** The frame of a submission over a WebSocket. */
    static String frame(String ref) {
        return "{\"op\": \"submit\", \"id\": \"" + ref + "\", \"input\": \"" + INPUT + "\"}";
    }

    static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(text, e);
        }
    }
}

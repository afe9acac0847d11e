package io.taskpilot.gateway;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The contracts, as they are served. Read once, at start. */
final class Documents {
    private final String openApi = read("/openapi.yaml");
    private final String asyncApi = read("/asyncapi.yaml");

    String openApi() {
        return openApi;
    }

    String asyncApi() {
        return asyncApi;
    }

    private static String read(String name) {
        try (var in = Documents.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("not in the jar: " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.config.Secret;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/** Secrets of one namespace, by the Kubernetes API. Blocks. */
final class KubernetesSecrets {
    private static final Duration ANSWER = Duration.ofSeconds(20);
    private static final int ATTEMPTS = 5;

    private final HttpClient http;
    private final URI api;
    private final String namespace;
    private final Secret token;

    private KubernetesSecrets(HttpClient http, URI api, String namespace, Secret token) {
        this.http = http;
        this.api = api;
        this.namespace = namespace;
        this.token = token;
    }

    /** @param credentials a directory with token, namespace and ca.crt, as pods have it */
    static KubernetesSecrets open(URI api, Path credentials) {
        try {
            var http = HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .connectTimeout(ANSWER)
                    .sslContext(trusting(credentials.resolve("ca.crt")))
                    .build();
            var namespace = Files.readString(credentials.resolve("namespace")).strip();
            var token =
                    new Secret(Files.readString(credentials.resolve("token")).strip());
            return new KubernetesSecrets(http, api, namespace, token);
        } catch (IOException | GeneralSecurityException e) {
            throw new CommandFailure("%s: token, namespace or ca.crt can't be read (%s)"
                    .formatted(credentials, e.getClass().getSimpleName()));
        }
    }

    private static SSLContext trusting(Path authority) throws IOException, GeneralSecurityException {
        var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (var in = Files.newInputStream(authority)) {
            var number = 0;
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                trusted.setCertificateEntry("ca-" + number++, certificate);
            }
        }
        var managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        var context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    /**
     * Adds to a Secret what it lacks, and makes it if it is not there. Of two that do so at once, the second finds what
     * the first has made.
     *
     * @param missing from the values there are, those to add or to change
     * @return the keys that were added or changed
     */
    Set<String> complete(String name, UnaryOperator<Map<String, String>> missing) throws InterruptedException {
        for (var attempt = 1; ; attempt++) {
            var found = send("GET", path() + "/" + name, null);
            var isThere = found.statusCode() != 404;
            var secret = json(isThere ? expect(found, 200) : found);
            var added = missing.apply(isThere ? values(secret) : Map.of());
            if (added.isEmpty()) {
                return Set.of();
            }
            var answer = isThere ? add(name, secret, added) : create(name, added);
            if (answer.statusCode() != 409 || attempt == ATTEMPTS) {
                expect(answer, 200, 201);
                return added.keySet();
            }
        }
    }

    private HttpResponse<String> create(String name, Map<String, String> values) throws InterruptedException {
        var labels = Map.of("app.kubernetes.io/part-of", "taskpilot");
        return send(
                "POST",
                path(),
                Map.of(
                        "apiVersion", "v1",
                        "kind", "Secret",
                        "type", "Opaque",
                        "metadata", Map.of("name", name, "labels", labels),
                        "data", encoded(values)));
    }

    /** Only onto the version that was read. */
    private HttpResponse<String> add(String name, JsonNode secret, Map<String, String> values)
            throws InterruptedException {
        var version = secret.path("metadata").path("resourceVersion").asText();
        return send(
                "PATCH",
                path() + "/" + name,
                Map.of("metadata", Map.of("resourceVersion", version), "data", encoded(values)));
    }

    private String path() {
        return "/api/v1/namespaces/" + namespace + "/secrets";
    }

    private static Map<String, String> values(JsonNode secret) {
        var values = new LinkedHashMap<String, String>();
        secret.path("data")
                .properties()
                .forEach(entry -> values.put(
                        entry.getKey(),
                        new String(Base64.getDecoder().decode(entry.getValue().asText()), UTF_8)));
        return values;
    }

    private static Map<String, String> encoded(Map<String, String> values) {
        var encoded = new LinkedHashMap<String, String>();
        values.forEach((key, value) -> encoded.put(key, Base64.getEncoder().encodeToString(value.getBytes(UTF_8))));
        return encoded;
    }

    private HttpResponse<String> send(String method, String path, @Nullable Object body) throws InterruptedException {
        var type = method.equals("PATCH") ? "application/merge-patch+json" : "application/json";
        var request = HttpRequest.newBuilder(api.resolve(path))
                .timeout(ANSWER)
                .header("Authorization", "Bearer " + token.value())
                .header("Content-Type", type)
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(ApiClient.json(body)))
                .build();
        try {
            return http.send(request, BodyHandlers.ofString());
        } catch (IOException e) {
            throw new CommandFailure("the Kubernetes API does not answer (%s)"
                    .formatted(e.getClass().getSimpleName()));
        }
    }

    private static HttpResponse<String> expect(HttpResponse<String> answer, Integer... expected) {
        if (!Set.of(expected).contains(answer.statusCode())) {
            throw new CommandFailure("the Kubernetes API answers %d: %s"
                    .formatted(answer.statusCode(), json(answer).path("message").asText()));
        }
        return answer;
    }

    private static JsonNode json(HttpResponse<String> answer) {
        try {
            return ApiClient.JSON.readTree(answer.body());
        } catch (IOException e) {
            throw new CommandFailure("the Kubernetes API answers %d, without JSON".formatted(answer.statusCode()));
        }
    }
}

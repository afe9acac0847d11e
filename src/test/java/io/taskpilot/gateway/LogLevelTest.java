package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.Secret;
import io.taskpilot.telemetry.LogLevels;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who may see and change how much is logged. */
class LogLevelTest {
    private static final Secret SECRET = new Secret("a server's secret, 32 characters or more");

    private final ApiKeys.Made admin = ApiKeys.make(SECRET);
    private final ApiKeys.Made reader = ApiKeys.make(SECRET);
    private final String before = LogLevels.now();
    private TestGateway server;
    private final HttpClient http = HttpClient.newHttpClient();

    @BeforeEach
    void start() throws Exception {
        var file = entry("admin", admin, "admin") + entry("reader", reader, "runs:read");
        server = new TestGateway(Authentication.keys(ApiKeys.parse(file, SECRET)));
    }

    @AfterEach
    void stop() {
        server.close();
        LogLevels.set(before);
    }

    private static String entry(String id, ApiKeys.Made key, String scope) {
        return "- {id: %s, prefix: %s, hash: %s, scopes: [\"%s\"], roles: []}\n"
                .formatted(id, key.prefix(), key.hash(), scope);
    }

    private HttpResponse<String> putTo(String url, String body, String... headers) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url + "/log-level"))
                .header("Content-Type", "application/json")
                .PUT(BodyPublishers.ofString(body));
        for (var i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return http.send(request.build(), BodyHandlers.ofString());
    }

    private HttpResponse<String> put(String body, String... headers) throws Exception {
        return putTo(server.managementUrl(), body, headers);
    }

    @Test
    void whoeverIsOnThisMachineMayChangeIt() throws Exception {
        var answer = put("{\"level\": \"error\"}");

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("{\"level\":\"error\"}");
        assertThat(LogLevels.now()).isEqualTo("error");
        var shown = HttpRequest.newBuilder(URI.create(server.managementUrl() + "/log-level"))
                .build();
        assertThat(http.send(shown, BodyHandlers.ofString()).body()).isEqualTo("{\"level\":\"error\"}");
    }

    @Test
    void whoComesWithAKeyNeedsOneThatMay() throws Exception {
        var refused = put("{\"level\": \"error\"}", "Authorization", "Bearer " + reader.key());
        var unknown = put("{\"level\": \"error\"}", "Authorization", "Bearer tp_none");
        var allowed = put("{\"level\": \"warn\"}", "Authorization", "Bearer " + admin.key());

        assertThat(refused.statusCode()).isEqualTo(403);
        assertThat(unknown.statusCode()).isEqualTo(401);
        assertThat(allowed.statusCode()).isEqualTo(200);
        assertThat(LogLevels.now()).isEqualTo("warn");
    }

    @Test
    void aPageInABrowserOfThisMachineMayNot() throws Exception {
        var answer = put("{\"level\": \"error\"}", "Origin", "https://example.com");

        assertThat(answer.statusCode()).isEqualTo(403);
    }

    @Test
    void aLevelThatThereIsNotIsRefusedAndTheApiHasNoSuchResource() throws Exception {
        assertThat(put("{\"level\": \"loud\"}").statusCode()).isEqualTo(400);
        assertThat(put("{}").statusCode()).isEqualTo(400);
        assertThat(putTo(server.url(), "{\"level\": \"error\"}").statusCode()).isEqualTo(404);
        assertThat(LogLevels.now()).isEqualTo(before);
    }
}

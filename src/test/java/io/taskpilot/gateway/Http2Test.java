package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The same API over HTTP/2 in clear text; the JDK's client upgrades with its first request. */
final class Http2Test {
    private final HttpClient http =
            HttpClient.newBuilder().version(Version.HTTP_2).build();
    private TestGateway server;

    @BeforeEach
    void start() throws Exception {
        server = TestGateway.open();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        var response = http.send(request.build(), BodyHandlers.ofString());
        assertThat(response.version()).isEqualTo(Version.HTTP_2);
        return response;
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(server.url() + path)).header("Content-Type", "application/json");
    }

    @Test
    void runsAreSubmittedAndStreamed() throws Exception {
        server.runs.script = Scripts::toTheEnd;

        var upgraded = send(request("/v1/runs").POST(BodyPublishers.ofString("{\"input\": \"go\"}")));
        var streamed = send(request("/v1/runs")
                .header("Accept", "text/event-stream")
                .POST(BodyPublishers.ofString("{\"input\": \"go\"}")));

        assertThat(upgraded.statusCode()).isEqualTo(202);
        assertThat(streamed.body()).contains("id: 1\nevent: run.accepted\n").contains("event: run.succeeded\n");
    }

    /** A JDK's client upgrades with its first request, and takes GOAWAY for the end of that one as well. */
    @Test
    void whoComesWhileTheServerDrainsIsAnswered() throws Exception {
        var drained = server.gateway.drain(Duration.ofMinutes(1));
        for (var i = 0; i < 20; i++) {
            assertThat(HttpClient.newHttpClient()
                            .send(request("/v1/runs").GET().build(), BodyHandlers.ofString())
                            .statusCode())
                    .isEqualTo(200);
        }
        server.gateway.hurry();
        drained.await();
    }

    @Test
    void problemsAreToldAndTheConnectionGoesOn() throws Exception {
        assertThat(send(request("/v1/runs").POST(BodyPublishers.ofString("{}"))).statusCode())
                .isEqualTo(400);
        assertThat(send(request("/v1/runs").POST(BodyPublishers.ofString("x".repeat(2 << 20))))
                        .statusCode())
                .isEqualTo(413);
        assertThat(send(request("/v1/runs").DELETE()).headers().firstValue("allow"))
                .contains("GET, POST");
        var drained = server.gateway.drain(Duration.ofMinutes(1));
        assertThat(send(request("/v1/runs").GET()).statusCode()).isEqualTo(200);
        server.await(
                "GOAWAY ends the connection", () -> server.gateway.connections().get() == 0);
        var another = HttpClient.newHttpClient(); // the first may not have seen yet that its connection is closed
        assertThat(another.send(request("/v1/runs").GET().build(), BodyHandlers.ofString())
                        .statusCode())
                .isEqualTo(200);
        server.gateway.hurry();
        drained.await();
    }
}

package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.TaskPilotConfig.Http;
import io.taskpilot.resilience.Failure;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class HealthTest {

    @Test
    void aServerSaysHowItsPartsDo() throws Exception {
        try (var server = TestGateway.open()) {
            var client = new Client(server.url());
            server.health.up("postgres", "embedded");
            server.health.degraded("llm", "offline model");

            var degraded = client.get("/health");
            assertThat(degraded.status()).isEqualTo(200);
            assertThat(degraded.json().path("status").asText()).isEqualTo("degraded");
            assertThat(degraded.json().path("checks").path("llm").path("detail").asText())
                    .isEqualTo("offline model");

            server.health.down("postgres", "connection refused");
            var down = client.get("/health");
            assertThat(down.status()).isEqualTo(503);
            assertThat(down.json().path("status").asText()).isEqualTo("unhealthy");
            assertThat(client.get("/health/live").status()).isEqualTo(200);
            assertThat(client.get("/health/ready").status()).isEqualTo(200);

            server.health.up("postgres", "embedded");
            server.health.up("llm", "");
            assertThat(client.get("/health").json().path("status").asText()).isEqualTo("healthy");
        }
    }

    @Test
    void howADependencyIsSetUpIsForOperatorsAlone() throws Exception {
        try (var server = TestGateway.open()) {
            server.health.up("postgres", "answers");
            server.health.setting("postgres", "synchronous_standby_names", "ANY 1 (b, c)");

            var told = new Client(server.managementUrl()).get("/health").json();
            assertThat(told.at("/checks/postgres/synchronous_standby_names").asText())
                    .isEqualTo("ANY 1 (b, c)");
            var anybody = new Client(server.url()).get("/health");
            assertThat(anybody.json().at("/checks/postgres/status").asText()).isEqualTo("up");
            assertThat(anybody.body()).doesNotContain("synchronous", "ANY 1");
        }
    }

    @Test
    void theFirstPageLinksToWhatItsOwnPortServes() throws Exception {
        for (var managementOnly : new boolean[] {false, true}) {
            var http = new Http("127.0.0.1", 0, "127.0.0.1", 0, managementOnly, 1_000);
            try (var server = new TestGateway(Authentication.none(), Duration.ofSeconds(30), http)) {
                var client = new Client(server.url());
                for (var link : client.get("/").json().path("links")) {
                    assertThat(client.get(link.asText()).status())
                            .as(link.asText())
                            .isNotEqualTo(404);
                }
            }
        }
    }

    @Test
    void probesNeverCallOut() throws Exception {
        try (var server = TestGateway.open()) {
            server.runs.outage = Failure.overloaded("overload-journal", "away", Duration.ofSeconds(1));

            for (var probe : new String[] {"/health", "/health/live", "/health/ready", "/health/started"}) {
                assertThat(new Client(server.managementUrl()).get(probe).status())
                        .isEqualTo(200);
            }
        }
    }

    @Test
    void aDrainingServerIsAliveAndNotReady() throws Exception {
        try (var server = TestGateway.open()) {
            var client = new Client(server.managementUrl());
            server.gateway.drain(Duration.ZERO).await();

            assertThat(client.get("/health/live").status()).isEqualTo(200);
            assertThat(client.get("/health/started").status()).isEqualTo(200);
            assertThat(client.get("/health/ready").status()).isEqualTo(503);
        }
    }

    @Test
    void metricsComeInTheFormatThatIsAskedFor() throws Exception {
        try (var server = TestGateway.open()) {
            var client = new Client(server.managementUrl());
            server.metrics.workflows().started("taskpilot");

            var text = client.get("/metrics");
            var open = client.get("/metrics", "Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");

            assertThat(text.header("content-type")).isEqualTo("text/plain; version=0.0.4; charset=utf-8");
            assertThat(text.body()).contains("taskpilot_workflow_started_total{workflow=\"taskpilot\"} 1.0\n");
            assertThat(text.body()).contains("taskpilot_build_info{").endsWith("\n");
            assertThat(open.header("content-type")).startsWith("application/openmetrics-text");
            assertThat(open.body()).endsWith("# EOF\n");
            server.awaitMetric("taskpilot_event_loop_lag_seconds_count", 1);
        }
    }

    @Test
    void managementCanBeKeptOffTheApisPort() throws Exception {
        var http = new Http("127.0.0.1", 0, "127.0.0.1", 0, true, 100);
        try (var server = new TestGateway(Authentication.none(), Duration.ofSeconds(30), http)) {
            assertThat(new Client(server.url()).get("/health").status()).isEqualTo(404);
            assertThat(new Client(server.url()).get("/metrics").status()).isEqualTo(404);
            assertThat(new Client(server.managementUrl()).get("/health").status())
                    .isEqualTo(200);
            assertThat(new Client(server.managementUrl()).get("/v1/runs").status())
                    .isEqualTo(404);
        }
    }

    @Test
    void moreConnectionsThanAllowedAreRefused() throws Exception {
        try (var server = new TestGateway(Authentication.none(), Duration.ofSeconds(30), 2);
                var one = connection(server);
                var two = connection(server)) {
            server.await("two connections", () -> server.gateway.connections().get() == 2);

            try (var three = connection(server)) {
                assertThat(three.getInputStream().read()).isEqualTo(-1);
            }
            assertThat(one.isConnected() && two.isConnected()).isTrue();
            assertThat(new Client(server.managementUrl()).get("/health/live").status())
                    .isEqualTo(200);
        }
    }

    private static Socket connection(TestGateway server) throws Exception {
        var socket = new Socket(InetAddress.getLoopbackAddress(), server.gateway.port());
        var request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"; // only then is it known to be HTTP/1.1
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }
}

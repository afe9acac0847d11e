package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the shipped {@code nginx.conf} does with a request, rule by rule: a live nginx before nodes that tell on it. */
class NginxTest {
    private static final String RUN = "/v1/runs/run_01a2088a-295d-7794-a620-1db25e08ea06";

    /** A request as a node got it. */
    private record Got(String method, String path, String requestId, String host, int fromPort) {}

    @TempDir
    Path directory;

    private final List<Got> got = new CopyOnWriteArrayList<>();
    private final List<HttpServer> nodes = new ArrayList<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @BeforeEach
    void requireNginx() {
        Tool.orSkip("NGINX", "nginx");
    }

    @AfterEach
    void stop() {
        nodes.forEach(node -> node.stop(0));
        threads.shutdownNow();
    }

    @Test
    void nginxHasNothingToSayAgainstTheFiles() throws Exception {
        assertThat(Nginx.check(directory, List.of(node(NginxTest::answer))).lines())
                .allMatch(line -> line.endsWith("syntax is ok") || line.endsWith("test is successful"));
    }

    @Test
    void theCallersRequestIdIsKeptAndABadOneReplaced() throws Exception {
        try (var nginx = Nginx.start(directory, List.of(node(NginxTest::answer)))) {
            nginx.user().send("GET", "/v1/runs", null, "X-Request-Id", "ann-7.2_b");
            nginx.user().send("GET", "/v1/runs", null, "X-Request-Id", "a \"quoted\" one");
            nginx.user().send("GET", "/v1/runs", null);

            var ids = got.stream().map(Got::requestId).toList();
            assertThat(ids).hasSize(3).startsWith("ann-7.2_b").doesNotHaveDuplicates();
            assertThat(ids.subList(1, 3)).allMatch(id -> id.matches("[0-9a-f]{32}"));
            assertThat(got).extracting(Got::host).containsOnly(nginx.url().getAuthority());
        }
    }

    @Test
    void aPostThatWasSentIsNeverSentAgain() throws Exception {
        try (var nginx = Nginx.start(directory, List.of(node(HttpExchange::close), node(HttpExchange::close)))) {
            var answer = nginx.user().send("POST", "/v1/runs", "{}", "X-Request-Id", "ann-1");

            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.headers().firstValue("content-type")).hasValue("application/problem+json");
            assertThat(answer.headers().allValues("x-request-id")).containsExactly("ann-1");
            var problem = ApiUser.JSON.readTree(answer.body());
            assertThat(problem.path("type").asText()).isEqualTo("/problems/internal-no-answer");
            assertThat(problem.path("request_id").asText()).isEqualTo("ann-1");
            assertThat(got).hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/runs", RUN, RUN + "/events"})
    void aGetGoesToAnotherNodeWhenItsConnectionBreaks(String path) throws Exception {
        try (var nginx = Nginx.start(directory, List.of(node(HttpExchange::close), node(NginxTest::answer)))) {
            for (var i = 0; i < 4; i++) {
                assertThat(nginx.user().send("GET", path, null).statusCode()).isEqualTo(200);
            }
        }
    }

    @Test
    void whatNoNodeGotGoesToAnother() throws Exception {
        var gone = OutsideProcess.unusedPorts(2);
        try (var nginx = Nginx.start(directory, List.of(gone.get(0), node(NginxTest::answer), gone.get(1)))) {
            for (var i = 0; i < 10; i++) {
                assertThat(nginx.user().send("POST", "/v1/runs", "{}").statusCode())
                        .isEqualTo(200);
            }
            assertThat(got).hasSize(10);
        }
    }

    @Test
    void connectionsToANodeAreKept() throws Exception {
        try (var nginx = Nginx.start(directory, List.of(node(NginxTest::answer)))) {
            var user = nginx.user();
            user.send("POST", "/v1/runs", "{}");
            Outage.until(
                    Duration.ofSeconds(60),
                    () -> { // one that is idle for a second is not kept
                        user.send("POST", "/v1/runs", "{}");
                        return got.get(got.size() - 1).fromPort()
                                == got.get(got.size() - 2).fromPort();
                    });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/metrics", "/health", "/health/live", "/health/ready"})
    void managementIsNotPublic(String path) throws Exception {
        try (var nginx = Nginx.start(directory, List.of(node(NginxTest::answer)))) {
            assertThat(nginx.user().send("GET", path, null).statusCode()).isEqualTo(404);
            assertThat(got).isEmpty();
        }
    }

    /** The path is one that the server keeps out of its metrics, logs and traces. */
    @Test
    void itsHealthCheckAsksANodeThroughTheGatewayAndNothingElseCanBeHadThere() throws Exception {
        try (var nginx = Nginx.start(directory, List.of(node(NginxTest::answer)))) {
            assertThat(nginx.health()).isEqualTo(200);
            assertThat(got).extracting(Got::path).containsExactly("/health/ready");

            assertThat(nginx.besideTheHealthCheck("/v1/runs")).isEqualTo(404);
            assertThat(nginx.besideTheHealthCheck("/health")).isEqualTo(404);
            assertThat(got).hasSize(1);
        }
    }

    /** 404: health is told on the management port alone, by a node that answers. */
    @ParameterizedTest
    @CsvSource({"404, 204", "503, 503"})
    void itsHealthCheckTellsWhetherANodeAnswers(int node, int health) throws Exception {
        HttpHandler says = exchange -> {
            exchange.sendResponseHeaders(node, -1);
            exchange.close();
        };
        try (var nginx = Nginx.start(directory, List.of(node(says)))) {
            assertThat(nginx.health()).isEqualTo(health);
        }
    }

    @Test
    void itsHealthCheckFailsWithoutANode() throws Exception {
        try (var nginx = Nginx.start(directory, List.of(OutsideProcess.unusedPort()))) {
            assertThat(nginx.health()).isEqualTo(502);
        }
    }

    /** Its image is stopped by SIGQUIT, which waits for what is open: a stream is open for as long as somebody reads it. */
    @Test
    void toStopWaitsForNoStreamThatGoesOnForEver() throws Exception {
        var never = new CountDownLatch(1);
        HttpHandler stream = exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write("id: 1\n\n".getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().flush();
            try {
                never.await();
            } catch (InterruptedException stopped) {
                exchange.close();
            }
        };
        try (var nginx = Nginx.start(directory, List.of(node(stream)))) {
            var request =
                    HttpRequest.newBuilder(nginx.url().resolve(RUN + "/events")).build();
            try (var lines = HttpClient.newHttpClient()
                    .send(request, BodyHandlers.ofLines())
                    .body()) {
                assertThat(lines.iterator().next()).isEqualTo("id: 1");

                assertThat(nginx.quit()).succeedsWithin(Duration.ofSeconds(60));
            }
        } finally {
            never.countDown();
        }
    }

    @ParameterizedTest
    @CsvSource({"POST, /v1/runs", "GET, " + RUN + "/events"})
    void anEventIsPassedOnWhenItComes(String method, String path) throws Exception {
        var read = new CountDownLatch(1);
        HttpHandler stream = exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write("id: 1\n\n".getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().flush();
            await(read);
            exchange.getResponseBody().write("id: 2\n\n".getBytes(StandardCharsets.UTF_8));
            exchange.close();
        };
        try (var nginx = Nginx.start(directory, List.of(node(stream)))) {
            var request = HttpRequest.newBuilder(nginx.url().resolve(path))
                    .method(method, HttpRequest.BodyPublishers.noBody())
                    .build();
            try (var lines = HttpClient.newHttpClient()
                    .send(request, BodyHandlers.ofLines())
                    .body()) {
                var iterator = lines.iterator();
                assertThat(iterator.next()).isEqualTo("id: 1"); // the node goes on only after this
                read.countDown();
                iterator.next();
                assertThat(iterator.next()).isEqualTo("id: 2");
            }
        }
    }

    @Test
    void whoSendsTooMuchIsToldWhenToComeBack() throws Exception {
        var limits =
                "limit_req_zone $binary_remote_addr zone=address:1m rate=1r/m; limit_req zone=address; limit_req_status 429;";
        try (var nginx = Nginx.start(directory, List.of(node(NginxTest::answer)), Map.of("limits.conf", limits))) {
            assertThat(nginx.user().send("GET", "/v1/runs", null).statusCode()).isEqualTo(200);
            var refused = nginx.user().send("POST", "/v1/runs", "{}");

            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.headers().firstValue("retry-after")).hasValue("1");
            assertThat(ApiUser.JSON.readTree(refused.body()).path("type").asText())
                    .isEqualTo("/problems/limit-address");
            assertThat(got).hasSize(1);
        }
    }

    private static void answer(HttpExchange exchange) throws IOException {
        exchange.sendResponseHeaders(200, -1);
        exchange.close();
    }

    private static void await(CountDownLatch latch) throws IOException {
        try {
            if (!latch.await(20, TimeUnit.SECONDS)) {
                throw new IOException("nobody read the first event");
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    /** A node that notes what it gets, reads it to the end, and then behaves so. */
    private int node(HttpHandler behaviour) throws IOException {
        var node = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        node.setExecutor(threads);
        node.createContext("/", exchange -> {
            var headers = exchange.getRequestHeaders();
            got.add(new Got(
                    exchange.getRequestMethod(),
                    exchange.getRequestURI().getPath(),
                    headers.getFirst("X-Request-Id"),
                    headers.getFirst("Host"),
                    exchange.getRemoteAddress().getPort()));
            exchange.getRequestBody().readAllBytes();
            behaviour.handle(exchange);
        });
        node.start();
        nodes.add(node);
        return node.getAddress().getPort();
    }
}

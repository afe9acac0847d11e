package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** What probes and alerts are told of one dependency of a server. */
final class Vitals {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** What health says when it is down, of it and of the server; of those that are not here "down" and "unhealthy". */
    private static final Map<String, String> WORST =
            Map.of("redis", "200 degraded down", "objects", "200 degraded degraded");

    private final ApiUser operator;
    private final String dependency;

    Vitals(TestServer server, String dependency) {
        operator = new ApiUser(URI.create(server.managementUrl()));
        this.dependency = dependency;
    }

    void awaitDown() throws Exception {
        await(WORST.getOrDefault(dependency, "503 unhealthy down"), 0);
    }

    void awaitUp() throws Exception {
        await("200 healthy up", 1);
    }

    /** Whatever is down, the process lives and keeps its place behind the load balancer. */
    void assertReadyAndLive() throws Exception {
        for (var probe : new String[] {"/health/ready", "/health/live", "/health/started"}) {
            assertThat(operator.send("GET", probe, null).statusCode()).as(probe).isEqualTo(200);
        }
    }

    private void await(String health, int up) throws Exception {
        var gauge = "taskpilot_dependency_up{dependency=\"%s\"} %d.0".formatted(dependency, up);
        var end = System.nanoTime() + PATIENCE.toNanos();
        var seen = "";
        while (System.nanoTime() - end < 0) {
            assertReadyAndLive();
            seen = health();
            if (seen.equals(health)
                    && operator.send("GET", "/metrics", null).body().contains(gauge)) {
                return;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
        throw new AssertionError("%s: not '%s' with %s, but '%s'".formatted(dependency, health, gauge, seen));
    }

    private String health() throws Exception {
        var answer = operator.send("GET", "/health", null);
        var body = ApiUser.JSON.readTree(answer.body());
        var check = body.path("checks").path(dependency).path("status").asText();
        return answer.statusCode() + " " + body.path("status").asText() + " " + check;
    }
}

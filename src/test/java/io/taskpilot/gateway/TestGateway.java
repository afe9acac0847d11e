package io.taskpilot.gateway;

import io.taskpilot.config.TaskPilotConfig.Http;
import io.taskpilot.config.TaskPilotConfig.Limits;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** A whole gateway on ports of its own, in front of {@link MemoryRuns}. */
final class TestGateway implements AutoCloseable {
    static final int RUNS_PER_KEY = 40;

    final Vertx vertx = Vertx.vertx(new VertxOptions()
            .setEventLoopPoolSize(4)
            .setBlockedThreadCheckInterval(500)
            .setMaxEventLoopExecuteTime(TimeUnit.SECONDS.toNanos(2)));
    final MemoryRuns runs = new MemoryRuns(vertx);
    final HealthRegistry health = new HealthRegistry();
    final Metrics metrics = new Metrics("0.0.1", "abc");
    final Gateway gateway;

    TestGateway(Authentication authentication) throws Exception {
        this(authentication, Duration.ofSeconds(30), 1_000);
    }

    TestGateway(Authentication authentication, Duration patience, int maxConnections) throws Exception {
        this(authentication, patience, new Http("127.0.0.1", 0, "127.0.0.1", 0, false, maxConnections));
    }

    TestGateway(Authentication authentication, Duration patience, Http http) throws Exception {
        this(authentication, patience, http, gateway -> Ingress.off());
    }

    TestGateway(Authentication authentication, Function<TestGateway, Ingress> ingress) throws Exception {
        this(authentication, Duration.ofSeconds(30), new Http("127.0.0.1", 0, "127.0.0.1", 0, false, 1_000), ingress);
    }

    TestGateway(Authentication authentication, Duration patience, Http http, Function<TestGateway, Ingress> ingress)
            throws Exception {
        gateway = new Gateway(
                vertx,
                http,
                new Limits(1_000, 1_000, RUNS_PER_KEY, 5),
                authentication,
                ingress.apply(this),
                runs,
                runs,
                new EveryoneButDelete(),
                health,
                metrics,
                "0.0.1",
                patience);
        gateway.start(2).await(10, TimeUnit.SECONDS);
        health.started();
    }

    static PolicyEngine policy() {
        return new EveryoneButDelete();
    }

    static TestGateway open() throws Exception {
        return new TestGateway(Authentication.none());
    }

    String url() {
        return "http://127.0.0.1:" + gateway.port();
    }

    String managementUrl() {
        return "http://127.0.0.1:" + gateway.managementPort();
    }

    /** The value of one line of the metrics, 0 when it is not there. */
    double metric(String line) {
        return metrics.scrape("text/plain")
                .lines()
                .filter(text -> text.startsWith(line + " "))
                .mapToDouble(text -> Double.parseDouble(text.substring(line.length() + 1)))
                .findFirst()
                .orElse(0);
    }

    /** Completes once the line's value is at least {@code least}. */
    void awaitMetric(String line, double least) {
        await(line + " >= " + least, () -> metric(line) >= least);
    }

    void await(String what, BooleanSupplier condition) {
        var until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - until > 0) {
                throw new IllegalStateException("not within a minute: " + what);
            }
            LockSupport.parkNanos(5_000_000);
        }
    }

    @Override
    public void close() {
        gateway.close().eventually(vertx::close).await();
    }

    /** Allows all tools but one. */
    private static final class EveryoneButDelete implements PolicyEngine {
        @Override
        public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
            var result = "delete_task".equals(input.get("tool_name")) ? DecisionResult.DENY : DecisionResult.ALLOW;
            return Future.succeededFuture(
                    new PolicyVerdict(result, "test", List.of("said the test"), "r1", List.of(), Duration.ZERO));
        }

        @Override
        public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
            return Future.succeededFuture(List.of("create_task"));
        }
    }
}

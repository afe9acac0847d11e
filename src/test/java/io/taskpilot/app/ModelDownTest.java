package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.llm.OfflineProvider;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a server does while the provider of its model, in a process of its own, is down. */
@LongRunning
class ModelDownTest {
    private static final int ENOUGH_TO_OPEN = 6;

    private static OfflineProvider process;
    private static Dependency provider;
    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        process = OfflineProvider.start();
        var victim = Victim.of(process);
        provider = new Dependency("llm", victim, Wire.to(process.port()), Duration.ofSeconds(8));
        server = server("5s");
    }

    private static TestServer server(String timeout) throws Exception {
        return TestServer.start(Map.of(
                "TASKPILOT_LLM_BASE_URL",
                "http://127.0.0.1:%d/v1".formatted(provider.wire().port()),
                "TASKPILOT_LLM_TIMEOUT",
                timeout));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
        provider.close();
        process.close();
    }

    @ParameterizedTest
    @CsvSource({
        "KILLED, provider-unreachable",
        "HUNG, provider-timeout",
        "GARBAGE, provider-error",
        "TOO_SLOW, provider-timeout",
    })
    void runsFailWithoutATool(Failing how, String slug) throws Exception {
        var outage = new Outage(server, provider.name());

        outage.through(how, provider, () -> assertLeftAlone(outage, slug));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "500 | application/json | {} | provider-error",
                "503 | text/html | <html>busy</html> | provider-error",
                "200 | application/json | {oops | provider-error",
                "200 | application/json | {\"choices\": 1} | provider-cut-stream",
                "200 | text/event-stream | data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]} | provider-cut-stream",
            })
    void anAnswerThatIsNoneIsAnOutageToo(int status, String type, String body, String slug) throws Exception {
        var outage = new Outage(server, provider.name());
        var answer = answer(status, type, "", body);

        outage.through(
                status + " " + type,
                () -> provider.wire().says(answer),
                () -> provider.wire().passes(),
                () -> assertLeftAlone(outage, slug));
    }

    /** A run fails as the provider does; after some more the provider is left alone, and runs fail at once. */
    private static void assertLeftAlone(Outage outage, String slug) throws Exception {
        assertThat(outage.failure()).isEqualTo("/problems/" + slug);
        var failures = new ArrayList<CompletableFuture<String>>();
        for (var i = 0; i < ENOUGH_TO_OPEN; i++) {
            failures.add(CompletableFuture.supplyAsync(() -> failure(outage)));
        }
        for (var failure : failures) {
            assertThat(failure.get(60, TimeUnit.SECONDS)).isIn("/problems/" + slug, "/problems/provider-unreachable");
        }
        Outage.until(Duration.ofSeconds(60), () -> circuit() > 0);
        assertThat(outage.failure()).isEqualTo("/problems/provider-unreachable");
    }

    private static String failure(Outage outage) {
        try {
            return outage.failure();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aLimitOfTheProviderIsWaitedForAndNoOutage() throws Exception {
        var outage = new Outage(server, provider.name());
        outage.awaitSuccess();
        provider.wire().says(answer(429, "application/json", "Retry-After: 1\r\n", "{}"));
        try {
            for (var i = 0; i < 2; i++) {
                assertThat(outage.failure()).isEqualTo("/problems/provider-rate-limited");
            }
            new Vitals(server, provider.name()).awaitUp();
            assertThat(circuit()).isZero();
        } finally {
            provider.wire().passes();
        }
        outage.assertSucceeds();
    }

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        try (var patient = server("30s")) {
            new Outage(patient, provider.name()).slow(provider, Duration.ofMillis(300));
        }
    }

    private static String answer(int status, String type, String headers, String body) {
        return "HTTP/1.1 %d Answer\r\nContent-Type: %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                .formatted(status, type, headers, body.length(), body);
    }

    /** 0 closed, 1 half open, 2 open. */
    private static double circuit() throws Exception {
        var name = "taskpilot_circuit_state{dependency=\"llm\"} ";
        return new ApiUser(URI.create(server.managementUrl()))
                .send("GET", "/metrics", null)
                .body()
                .lines()
                .filter(line -> line.startsWith(name))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
                .findFirst()
                .orElseThrow();
    }
}

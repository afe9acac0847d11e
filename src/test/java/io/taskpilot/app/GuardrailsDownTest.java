package io.taskpilot.app;

import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.guardrail.RealNemo;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a server does while its NeMo Guardrails, a real one, is down. */
class GuardrailsDownTest {
    private static RealNemo process;
    private static Dependency nemo;
    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        process = RealNemo.start(Path.of("conf/guardrails"));
        var victim = Victim.of(process);
        nemo = new Dependency("guardrails", victim, Wire.to(process.url().getPort()), Duration.ofSeconds(8));
        server = server("4s");
    }

    private static TestServer server(String timeout) throws Exception {
        return TestServer.start(Map.of(
                "TASKPILOT_GUARDRAILS_URL",
                "http://127.0.0.1:" + nemo.wire().port(),
                "TASKPILOT_GUARDRAILS_TIMEOUT",
                timeout));
    }

    @AfterAll
    static void stop() throws Exception {
        if (server != null) {
            server.close();
            nemo.close();
            process.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void runsFailBeforeAnyModelIsAsked(Failing how) throws Exception {
        var outage = new Outage(server, nemo.name());

        outage.through(how, nemo, () -> outage.assertFails("guardrails-unavailable", 503));
    }

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        try (var patient = server("30s")) {
            new Outage(patient, nemo.name()).slow(nemo, Duration.ofMillis(100));
        }
    }
}

package io.taskpilot.app;

import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.policy.OpaProcess;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a server does while its OPA, a real one, is down. */
class OpaDownTest {
    private static OpaProcess process;
    private static Dependency opa;
    private static TestServer server;
    private static TestServer guarded;

    @BeforeAll
    static void start() throws Exception {
        process = OpaProcess.start();
        var victim = Victim.of(process);
        opa = new Dependency("opa", victim, Wire.to(process.port()), Duration.ofSeconds(4));
        server = server("none", "2s"); // asked about runs alone: else those it can't judge would not be accepted
        guarded = server("enforce", "2s");
    }

    private static TestServer server(String ingress, String timeout) throws Exception {
        return TestServer.start(Map.of(
                "TASKPILOT_OPA_URL",
                "http://127.0.0.1:" + opa.wire().port(),
                "TASKPILOT_POLICY_INGRESS",
                ingress,
                "TASKPILOT_POLICY_TIMEOUT",
                timeout));
    }

    @AfterAll
    static void stop() throws Exception {
        if (guarded != null) {
            guarded.close();
        }
        if (server != null) {
            server.close();
            opa.close();
            process.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void runsFailAndNoToolStarts(Failing how) throws Exception {
        var outage = new Outage(server, opa.name());

        outage.through(how, opa, () -> outage.assertFails("policy-unavailable", 503));
    }

    /** With {@code policy.ingress} as it is by default. */
    @ParameterizedTest
    @EnumSource
    void nobodyIsLetIn(Failing how) throws Exception {
        var outage = new Outage(guarded, opa.name());

        outage.through(how, opa, () -> {
            // a verdict from before counts for a second
            Outage.until(
                    Duration.ofSeconds(30),
                    () -> guarded.user().send("GET", "/v1/tasks", null).statusCode() == 503);
            Outage.assertProblem(outage.submit(), "policy-unavailable", 503);
            Outage.assertProblem(guarded.user().send("GET", "/v1/runs", null), "policy-unavailable", 503);
        });
    }

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        try (var patient = server("none", "10s")) {
            new Outage(patient, opa.name()).slow(opa, Duration.ofMillis(100));
        }
    }
}

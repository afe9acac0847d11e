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

    @BeforeAll
    static void start() throws Exception {
        process = OpaProcess.start();
        var victim = new Victim(process::kill, process::startAgain, process::hang, process::goOn);
        opa = new Dependency("opa", victim, Wire.to(process.port()), Duration.ofSeconds(4));
        server = TestServer.start(Map.of(
                "TASKPILOT_OPA_URL",
                "http://127.0.0.1:" + opa.wire().port(),
                "TASKPILOT_POLICY_TIMEOUT",
                "2s",
                "TASKPILOT_POLICY_INGRESS",
                "none")); // else no run would be accepted
    }

    @AfterAll
    static void stop() throws Exception {
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

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        new Outage(server, opa.name()).slow(opa, Duration.ofMillis(100));
    }
}

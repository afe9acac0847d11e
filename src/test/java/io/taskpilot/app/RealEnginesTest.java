package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With all the real engines at once: OPA, NeMo Guardrails, Redis and an S3 API beside PostgreSQL. */
class RealEnginesTest extends GovernedRunContract {
    private final RealEngines engines = new RealEngines();

    RealEnginesTest() throws Exception {}

    @Override
    Map<String, String> engines() {
        return engines.settings();
    }

    @BeforeAll
    void awaitEngines() throws Exception {
        RealEngines.awaitUp(server());
    }

    @Override
    void stopEngines() throws Exception {
        engines.close();
    }

    @Override
    Optional<byte[]> stored(String key) throws Exception {
        return engines.objects().stored(key);
    }

    /** The problem that runs may end with meanwhile; none where they go on. */
    @ParameterizedTest
    @CsvSource({"opa, policy-unavailable", "guardrails, guardrails-unavailable", "redis,", "objects,"})
    void anEngineIsKilledInTheMiddleOfLoad(String name, @Nullable String problem) throws Exception {
        var vitals = new Vitals(server(), name);
        var victim = engines.victim(name);
        var load = new SteadyLoad(server().user());
        load.await(8);

        victim.kill();
        try {
            load.await(8);
            vitals.awaitDown();
        } finally {
            victim.startAgain();
        }
        vitals.awaitUp();
        load.await(8);

        var ended = load.stop();
        for (var run : ended) {
            if (problem == null) {
                assertThat(run.path("status").asText()).isEqualTo("succeeded");
            } else if (!run.path("status").asText().equals("succeeded")) {
                var seen = run.has("type") ? run : run.path("error"); // refused at the door, or failed on the way
                assertThat(seen.path("type").asText()).isEqualTo("/problems/" + problem);
            }
        }
        new Outage(server(), name).awaitSuccess();
        assertThat(server().user().get("/v1/decisions/verify").path("intact").asBoolean())
                .isTrue();
    }
}

package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BadInputTest {
    private TestGateway server;

    @BeforeAll
    void start() throws Exception {
        server = TestGateway.open();
    }

    @AfterAll
    void stop() {
        server.close();
    }

    @TestFactory
    Stream<DynamicTest> everyBadRequestIsToldWhatIsWrongAndWhere() throws Exception {
        return BadInputs.of(server.url());
    }

    @TestFactory
    Stream<DynamicTest> everyBadFrameIsToldWhatIsWrongAndWhere() throws Exception {
        return BadFrames.of(server.vertx, server.url());
    }

    @Test
    void whatTheDatabaseCannotStoreIsReplaced() throws Exception {
        var client = new Client(server.url());

        var run = client.post(
                        "/v1/runs",
                        "{\"input\": \"a\\u0000b\\ud800c\\ud83d\\ude00\", \"metadata\": {\"k\\u0000\": \"\\u0000\"}}")
                .json();

        assertThat(run.path("input").asText()).isEqualTo("a\ufffdb\ufffdc\ud83d\ude00");
        assertThat(run.path("metadata").path("k\ufffd").asText()).isEqualTo("\ufffd");
        client.post("/v1/runs/" + run.path("id").asText() + "/cancel", "");
    }

    @Test
    void lengthsCountCharactersNotUnits() throws Exception {
        var client = new Client(server.url());

        var answer = client.post("/v1/runs", "{\"input\": \"" + "\ud83d\ude00".repeat(32_000) + "\"}");

        assertThat(answer.status()).isEqualTo(202);
        client.post(answer.header("location") + "/cancel", "");
    }
}

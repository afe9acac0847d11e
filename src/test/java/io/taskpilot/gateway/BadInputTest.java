package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpRequest.BodyPublishers;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    /** The detail of the one mistake in a body. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[]|the body is an array (expected: an object)",
                "{'input':'x','input':'y'}|the key \"input\" is given twice at line 1, column 21",
                "{'input':'x','metadata':{'j':'LONG'}}|/metadata/j: 1025 characters (expected: at most 1024)",
                "{'input':'x','metadata':{'LONG':'j'}}|/metadata/LONG: a key of 1025 characters (expected: 1..64)",
                "{'input':'x','metadata':{'j':1}}|/metadata/j: 1 (expected: a string)",
                "{'input':'x','timeout_s':1.5}|/timeout_s: 1.5 (expected: an integer, 1..86400)",
                "{'input':DEEP}|the body is nested too deep (expected: at most 32 levels)",
                "{'input':DIGITS}|a number in the body is too long (expected: at most 1000 characters)"
            })
    void aBadBodyIsToldInWordsOfItsOwn(String body, String detail) throws Exception {
        var sent = body.replace('\'', '"')
                .replace("LONG", "x".repeat(1_025))
                .replace("DEEP", "[".repeat(40) + "]".repeat(40))
                .replace("DIGITS", "1".repeat(1_001));

        var answer = new Client(server.url()).post("/v1/runs", sent);

        assertThat(answer.json().path("detail").asText()).isEqualTo(detail.replace("LONG", "x".repeat(100)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'op':'list','id':'1'}|/op: \"list\" (expected: one of submit, subscribe, unsubscribe, cancel, answer, ping)",
                "{'op':'cancel','id':'1','run_id':'run_1'}|/run_id: \"run_1\" (expected: run_ and a UUID)",
                "{'op':'cancel','id':'1','run_id':'LONG'}|/run_id: 41 characters (expected: run_ and a UUID)"
            })
    void aShortWordThatIsNoneIsShown(String frame, String detail) throws Exception {
        try (var socket = new Socket(server.vertx, server.url(), null)) {
            socket.send(frame.replace('\'', '"').replace("LONG", "x".repeat(41)));

            assertThat(socket.next().at("/problem/detail").asText()).isEqualTo(detail);
        }
    }

    @Test
    void aQueryWhereNoneIsTakenIsCalledThat() throws Exception {
        var client = new Client(server.url());

        assertThat(client.post("/v1/runs?x=1", "{\"input\": \"go\"}")
                        .json()
                        .path("detail")
                        .asText())
                .isEqualTo("#x: unknown (expected: no query)");
        assertThat(client.get("/v1/decisions?limit=1", "Accept", "text/csv")
                        .json()
                        .path("detail")
                        .asText())
                .isEqualTo("#limit: present (expected: with application/json only; an export has everything)");
    }

    @Test
    void anotherCharsetIsNotCalledAnotherType() throws Exception {
        var request = new Client(server.url()).request("/v1/runs", "Content-Type", "application/json; charset=latin1");

        var answer = new Client(server.url()).send(request.POST(BodyPublishers.ofString("{}")));

        assertThat(answer.json().path("detail").asText())
                .isEqualTo(
                        "Content-Type: a parameter that is not charset=utf-8 (expected: application/json, in UTF-8)");
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

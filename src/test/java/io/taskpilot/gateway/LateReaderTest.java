package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import org.junit.jupiter.api.Test;

/**
 * Who was let in before a server that drains shut its door, and is served after it had sent everybody elsewhere: sent on
 * like them, without an error.
 */
class LateReaderTest {

    @Test
    void aStreamBeginsAndItsReaderIsToldToReconnect() throws Exception {
        try (var server = TestGateway.open()) {
            server.runs.script = Scripts::toAnApproval;
            var client = new Client(server.url());
            var run = client.submit("go");
            server.gateway.streams().drain().await();

            var answer = client.get("/v1/runs/" + run + "/events", "Accept", "text/event-stream");

            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.body()).contains("event: reconnect");
        }
    }

    @Test
    void aRunIsAcceptedAndItsStreamSaysWhereToGoOn() throws Exception {
        try (var server = TestGateway.open()) {
            server.runs.script = Scripts::toAnApproval;
            server.gateway.streams().drain().await();

            var answer =
                    new Client(server.url()).post("/v1/runs", "{\"input\": \"go\"}", "Accept", "text/event-stream");

            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("location")).startsWith("/v1/runs/run_");
            assertThat(answer.body()).contains("event: reconnect");
        }
    }

    @Test
    void aSocketOpensAndIsClosedAsOneThatRestarts() throws Exception {
        var vertx = Vertx.vertx();
        try (var server = TestGateway.open()) {
            server.gateway.streams().drain().await();

            var socket = new Socket(vertx, server.url(), null);

            assertThat(socket.next().path("op").asText()).isEqualTo("reconnect");
            assertThat(socket.closeCode()).isEqualTo(1012);
        } finally {
            vertx.close().await();
        }
    }

    @Test
    void anExportThatNobodyCouldGoOnWithIsRefused() throws Exception {
        try (var server = TestGateway.open()) {
            server.gateway.streams().drain().await();

            var answer = new Client(server.url()).get("/v1/decisions", "Accept", "application/x-ndjson");

            assertThat(answer.status()).isEqualTo(503);
            assertThat(answer.slug()).isEqualTo("overload-draining");
        }
    }
}

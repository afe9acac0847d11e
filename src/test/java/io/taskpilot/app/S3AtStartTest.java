package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.objects.LocalS3;
import io.taskpilot.outside.OutsideProcess;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A store that can't be used keeps nobody from starting: the server is degraded, and says why. */
@LongRunning
class S3AtStartTest {

    private static TestServer start(String url, String bucket, String secret) throws Exception {
        return TestServer.start(Map.of(
                "TASKPILOT_S3_URL", url,
                "TASKPILOT_S3_BUCKET", bucket,
                "TASKPILOT_S3_ACCESS_KEY", "local-access",
                "TASKPILOT_S3_SECRET_KEY", secret));
    }

    private static void assertDegraded(TestServer server, String why) throws Exception {
        var health = server.user().get("/health");
        while (!objects(health).path("status").asText().equals("degraded")) {
            health = server.user().get("/health");
        }

        assertThat(server.user().send("GET", "/health", null).statusCode()).isEqualTo(200);
        assertThat(objects(health).toString())
                .contains("traces wait in PostgreSQL")
                .contains(why);
        assertThat(server.user()
                        .finish("Create a low priority task \"Go on\"")
                        .path("status")
                        .asText())
                .isEqualTo("succeeded");
    }

    private static JsonNode objects(JsonNode health) {
        return health.path("checks").path("objects");
    }

    @ParameterizedTest
    @CsvSource({"missing, local-secret, NoSuchBucket", "taskpilot, wrong, SignatureDoesNotMatch"})
    void storeThatIsConfiguredWronglyIsNamedInHealth(String bucket, String secret, String why) throws Exception {
        try (var s3 = new LocalS3();
                var server = start(s3.url().toString(), bucket, secret)) {
            assertDegraded(server, why);
        }
    }

    @Test
    void storeThatIsNotThereIsNamedInHealth() throws Exception {
        var port = OutsideProcess.unusedPort();
        try (var server = start("http://127.0.0.1:" + port, "taskpilot", "local-secret")) {
            assertDegraded(server, "it takes no connection");
        }
    }
}

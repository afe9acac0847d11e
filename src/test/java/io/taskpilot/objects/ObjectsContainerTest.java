package io.taskpilot.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.minio.MakeBucketArgs;
import io.minio.MinioAsyncClient;
import io.taskpilot.OnDocker;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.Transferable;

/** What {@link ObjectsTest} says of a store, of SeaweedFS in a container. */
@OnDocker
class ObjectsContainerTest {
    private static final int PORT = 8333;
    private static final String KEYS = """
            {"identities": [{"name": "taskpilot", "actions": ["Admin", "Read", "Write", "List"],
              "credentials": [{"accessKey": "local-access", "secretKey": "local-secret"}]}]}
            """;

    private static Vertx vertx;
    private static GenericContainer<?> weed;
    private static URI url;

    @TempDir
    Path directory;

    @BeforeAll
    static void start() throws Exception {
        vertx = Vertx.vertx();
        weed = new GenericContainer<>("chrislusf/seaweedfs:3.97")
                .withExposedPorts(PORT)
                .withCopyToContainer(Transferable.of(KEYS), "/etc/seaweedfs/s3.json")
                .withCommand("server", "-s3", "-s3.config=/etc/seaweedfs/s3.json")
                .waitingFor(Wait.forHttp("/").forPort(PORT).forStatusCodeMatching(status -> status < 500));
        weed.start();
        url = URI.create("http://%s:%d".formatted(weed.getHost(), weed.getMappedPort(PORT)));
        var admin = MinioAsyncClient.builder()
                .endpoint(url.toString())
                .credentials("local-access", "local-secret")
                .build();
        admin.makeBucket(MakeBucketArgs.builder().bucket("taskpilot").build()).get(30, TimeUnit.SECONDS);
        admin.close();
    }

    @AfterAll
    static void stop() throws Exception {
        if (weed != null) {
            weed.stop();
        }
        if (vertx != null) {
            vertx.close().await(10, TimeUnit.SECONDS);
        }
    }

    private static S3Objects store(String secret) {
        var settings = LocalS3.settings(url, "taskpilot", secret);
        return new S3Objects(vertx, new BlockingIo(vertx), settings, Duration.ofSeconds(20));
    }

    private static void await(Future<Void> future) throws Exception {
        future.await(60, TimeUnit.SECONDS);
    }

    @Test
    void anObjectIsPutReplacedReadAndDeleted() throws Exception {
        var store = store("local-secret");
        var to = directory.resolve("to.bin");
        await(store.check());

        for (var bytes : new int[] {1_000, 0, 12 << 20}) {
            var content = new byte[bytes];
            new Random(bytes).nextBytes(content);
            var from = Files.write(directory.resolve("from.bin"), content);
            await(store.put("traces/2026/03/10/a.gz", from));
            await(store.get("traces/2026/03/10/a.gz", to));
            assertThat(to).hasSameBinaryContentAs(from);
        }
        await(store.delete("traces/2026/03/10/a.gz"));
        await(store.delete("traces/2026/03/10/a.gz"));
        assertThatThrownBy(() -> await(store.get("traces/2026/03/10/a.gz", to)))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("internal-archive"));
    }

    @Test
    void wrongSecretIsRefused() {
        assertThatThrownBy(() -> await(store("wrong").check()))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("archive-unavailable"));
    }
}

package io.taskpilot.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.LongRunning;
import io.taskpilot.engine.ObjectStore;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@LongRunning
class ObjectsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration IMPATIENCE = Duration.ofMillis(500);

    private final Vertx vertx = Vertx.vertx();
    private final BlockingIo blocking = new BlockingIo(vertx);
    private static @Nullable SeaweedFs weed;

    private LocalS3 s3;

    @TempDir
    private Path directory;

    @BeforeEach
    void open() throws Exception {
        s3 = new LocalS3();
    }

    /** Started when the first test asks. */
    private static SeaweedFs weed() throws IOException {
        var started = weed == null ? SeaweedFs.start() : weed;
        weed = started;
        return started;
    }

    @AfterAll
    static void stopWeed() {
        if (weed != null) {
            weed.close();
        }
    }

    @AfterEach
    void close() throws Exception {
        s3.close();
        await(vertx.close());
    }

    private static <T> T await(Future<T> future) {
        try {
            return future.await(40, TimeUnit.SECONDS);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private ObjectStore store(String kind) throws IOException {
        return kind.equals("files")
                ? new FileObjects(directory.resolve("objects"), blocking)
                : at(url(kind), "taskpilot", "local-secret");
    }

    private URI url(String kind) throws IOException {
        return kind.equals("seaweedfs") ? weed().url() : s3.url();
    }

    private S3Objects at(URI url, String bucket, String secret) {
        return at(url, bucket, secret, PATIENCE);
    }

    private S3Objects at(URI url, String bucket, String secret, Duration patience) {
        return new S3Objects(vertx, blocking, LocalS3.settings(url, bucket, secret), patience);
    }

    private Path file(int bytes) throws IOException {
        var content = new byte[bytes];
        new Random(bytes).nextBytes(content);
        return Files.write(Files.createTempFile(directory, "from", ".bin"), content);
    }

    private static String slug(Future<?> future) {
        try {
            await(future);
        } catch (Failure failure) {
            return failure.slug();
        }
        throw new AssertionError("succeeded");
    }

    @ParameterizedTest
    @ValueSource(strings = {"files", "s3proxy", "seaweedfs"})
    void anObjectIsPutReplacedReadAndDeleted(String kind) throws IOException {
        var store = store(kind);
        var to = directory.resolve("to.bin");
        await(store.check());

        for (var bytes : new int[] {1_000, 0, 12 << 20}) {
            var from = file(bytes);
            await(store.put("traces/2026/03/10/a.gz", from));
            await(store.get("traces/2026/03/10/a.gz", to));
            assertThat(to).hasSameBinaryContentAs(from);
        }
        await(store.delete("traces/2026/03/10/a.gz"));
        await(store.delete("traces/2026/03/10/a.gz"));
        assertThat(slug(store.get("traces/2026/03/10/a.gz", to))).isEqualTo("internal-archive");
    }

    @Test
    void answersComeOnTheCallersContext() throws IOException {
        var store = store("s3proxy");
        var context = vertx.getOrCreateContext();
        var same = Future.<Boolean>future(promise -> context.runOnContext(
                unused -> store.check().onComplete(done -> promise.complete(Vertx.currentContext() == context))));

        assertThat(await(same)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3proxy", "seaweedfs"})
    void whatIsConfiguredWronglyIsSaidAtOnce(String kind) throws IOException {
        var url = url(kind);
        assertThatThrownBy(() -> await(at(url, "missing", "local-secret").check()))
                .hasMessageContaining("NoSuchBucket");
        assertThat(slug(at(url, "taskpilot", "wrong").check())).isEqualTo("archive-unavailable");
        assertThatThrownBy(() -> await(at(url, "taskpilot", "wrong").put("a", file(10))))
                .hasMessageContaining("SignatureDoesNotMatch");
    }

    @Test
    void aStoreThatRefusesConnectionsIsAway() throws Exception {
        var port = OutsideProcess.unusedPort();
        assertThat(slug(at(URI.create("http://127.0.0.1:" + port), "taskpilot", "local-secret")
                        .check()))
                .isEqualTo("archive-unavailable");
    }

    private URI server(Consumer<HttpServerRequest> behaviour) {
        var server =
                await(vertx.createHttpServer().requestHandler(behaviour::accept).listen(0, "127.0.0.1"));
        return URI.create("http://127.0.0.1:" + server.actualPort());
    }

    @Test
    void aWebServerInItsPlaceIsNoStore() throws IOException {
        var url = server(request -> request.response()
                .putHeader("content-type", "text/html")
                .end("<!DOCTYPE html><html><body>It works!</body></html>"));
        var store = at(url, "taskpilot", "local-secret");

        assertThat(slug(store.check())).isEqualTo("archive-unavailable");
        assertThat(slug(store.put("a", file(10)))).isEqualTo("archive-unavailable");
        assertThat(slug(store.get("a", directory.resolve("to")))).isEqualTo("archive-unavailable");
    }

    @Test
    void aStoreThatNeverAnswersIsGivenUp() throws IOException {
        var url = server(request -> {});

        assertThat(slug(at(url, "taskpilot", "local-secret", IMPATIENCE).put("a", file(10))))
                .isEqualTo("archive-unavailable");
    }

    @Test
    void aStoreThatDripsIsGivenUp() {
        var url = server(request -> {
            request.response().putHeader("content-length", "100000").putHeader("etag", "\"a\"");
            if (request.method().name().equals("HEAD")) {
                request.response()
                        .putHeader("last-modified", "Tue, 10 Mar 2026 12:00:00 GMT")
                        .end();
            } else {
                vertx.setPeriodic(100, unused -> request.response().write("x"));
            }
        });

        assertThat(slug(at(url, "taskpilot", "local-secret", IMPATIENCE).get("a", directory.resolve("to"))))
                .isEqualTo("archive-unavailable");
    }

    @Test
    void nothingIsLeftOfDownloadsThatBreak() {
        var downloads = new AtomicInteger();
        var url = server(request -> {
            var answer =
                    request.response().putHeader("content-length", "100000").putHeader("etag", "\"a\"");
            if (request.method().name().equals("HEAD")) {
                answer.putHeader("last-modified", "Tue, 10 Mar 2026 12:00:00 GMT")
                        .end();
            } else {
                downloads.incrementAndGet();
                answer.write("x".repeat(1_000))
                        .onComplete(written -> request.connection().close());
            }
        });

        assertThat(slug(at(url, "taskpilot", "local-secret").get("a", directory.resolve("to"))))
                .isEqualTo("archive-unavailable");
        assertThat(downloads).hasValue(3);
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void anErrorOfTheStoreIsTriedThreeTimes() throws IOException {
        var requests = new AtomicInteger();
        var url = server(request -> {
            requests.incrementAndGet();
            request.response().setStatusCode(503).end();
        });

        assertThat(slug(at(url, "taskpilot", "local-secret").put("a", file(10))))
                .isEqualTo("archive-unavailable");
        assertThat(requests).hasValue(3);
    }

    @Test
    void requestsAreBoundedWhateverTheLoad() throws IOException {
        var now = new AtomicInteger();
        var most = new AtomicInteger();
        var url = server(request -> {
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            vertx.setTimer(20, unused -> {
                now.decrementAndGet();
                request.response().setStatusCode(204).end();
            });
        });
        var store = at(url, "taskpilot", "local-secret");

        var calls = new ArrayList<Future<Void>>();
        for (var i = 0; i < 100; i++) {
            calls.add(store.delete("a" + i));
        }
        await(Future.join(calls));
        assertThat(most.get()).isBetween(2, 8);
    }
}

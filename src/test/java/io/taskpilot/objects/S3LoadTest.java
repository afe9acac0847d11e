package io.taskpilot.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.LongRunning;
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
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What many calls, large objects and a store in trouble cost the node. */
@LongRunning
class S3LoadTest {
    private static final int OBJECTS = 200;
    private static final int MOST = 8;

    private final Vertx vertx = Vertx.vertx();
    private final BlockingIo blocking = new BlockingIo(vertx);
    private LocalS3 s3;
    private Relay relay;

    @TempDir
    private Path directory;

    @BeforeEach
    void open() throws Exception {
        s3 = new LocalS3();
        relay = new Relay(vertx, s3.url());
    }

    @AfterEach
    void close() {
        await(vertx.close());
        s3.close();
    }

    private static <T> T await(Future<T> future) {
        try {
            return future.await(120, TimeUnit.SECONDS);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private S3Objects store(URI url, String bucket, String secret, Duration patience) {
        return new S3Objects(vertx, blocking, LocalS3.settings(url, bucket, secret), patience);
    }

    private S3Objects store(URI url) {
        return store(url, "taskpilot", "local-secret", Duration.ofSeconds(20));
    }

    private Path file(int bytes) throws IOException {
        var content = new byte[bytes];
        new Random(bytes).nextBytes(content);
        return Files.write(Files.createTempFile(directory, "from", ".bin"), content);
    }

    /**
     * Ours, which are named after the URL while they send; those that prepare uploads, where there are one or two
     * processors and where there are more; and the client's own. Those that prepare count while they wait for the
     * store: one that has read the first part, and hands over to the one that waits, is there for a moment beside it.
     */
    private static Map<String, Integer> threads() {
        var kinds = Map.<String, Predicate<String>>of(
                "requests", name -> name.startsWith("objects") || name.startsWith("OkHttp http"),
                "uploads", name -> name.startsWith("ForkJoinPool.common") || name.matches("Thread-[0-9]+"),
                "upkeep", name -> name.startsWith("OkHttp TaskRunner") || name.startsWith("Okio"));
        var counts = new HashMap<String, Integer>();
        Thread.getAllStackTraces()
                .forEach((thread, stack) -> kinds.forEach((kind, test) -> counts.merge(
                        kind,
                        test.test(thread.getName()) && (!kind.equals("uploads") || waitsInClient(stack)) ? 1 : 0,
                        Integer::sum)));
        return counts;
    }

    private static boolean waitsInClient(StackTraceElement[] stack) {
        return Arrays.stream(stack).anyMatch(frame -> frame.getClassName().startsWith("io.minio."))
                && Arrays.stream(stack).anyMatch(frame -> frame.getMethodName().equals("waitingGet"));
    }

    @Test
    void twoHundredPutsAtOnceTakeFewThreadsAndConnections() throws Exception {
        var before = threads();
        var store = store(relay.url());
        var file = file(10_000);
        var puts = new ArrayList<Future<Void>>();
        for (var i = 0; i < OBJECTS; i++) {
            puts.add(store.put("traces/" + i, file));
        }
        var all = Future.join(puts);

        var most = most(before, all);

        await(all);
        assertThat(s3.blobs().countBlobs("taskpilot")).isEqualTo(OBJECTS);
        assertThat(most.get("requests")).isBetween(1, MOST);
        assertThat(most.get("uploads")).isLessThanOrEqualTo(MOST);
        assertThat(most.get("upkeep")).isLessThanOrEqualTo(4);
        assertThat(relay.mostConnections.get()).isBetween(2, MOST);
    }

    @Test
    void nothingIsLeftOfAStoreThatWasClosed() throws Exception {
        var before = threads();
        var store = store(relay.url());
        await(store.put("a", file(10)));
        assertThat(relay.connections.get()).isPositive();

        await(store.close());

        while (relay.connections.get() > 0
                || threads().getOrDefault("requests", 0) > before.getOrDefault("requests", 0)) {
            Thread.onSpinWait();
        }
        assertThatThrownBy(() -> await(store.put("a", file(10)))).isInstanceOf(Failure.class);
    }

    @Test
    void bigTraceGoesUpInPartsAndComesBackWhole() throws Exception {
        var store = store(relay.url());
        var from = file(20 << 20);
        var to = directory.resolve("to.bin");

        await(store.put("traces/big.jsonl.gz", from));
        await(store.get("traces/big.jsonl.gz", to));

        assertThat(to).hasSameBinaryContentAs(from);
        var parts = Pattern.compile("PUT /taskpilot/traces/big\\.jsonl\\.gz\\?\\S*partNumber=([0-9]+)")
                .matcher(relay.sent())
                .results()
                .map(part -> part.group(1))
                .toList();
        assertThat(parts).containsExactlyInAnyOrder("1", "2", "3");
    }

    @ParameterizedTest
    @CsvSource({
        "missing, local-secret, NoSuchBucket (look at s3.bucket)",
        "taskpilot, wrong, SignatureDoesNotMatch (look at s3.secretKey)"
    })
    void whatIsConfiguredWronglyIsNamed(String bucket, String secret, String why) throws IOException {
        var store = store(s3.url(), bucket, secret, Duration.ofSeconds(20));
        var file = file(10);

        assertThatThrownBy(() -> await(store.put("a", file)))
                .isInstanceOf(Failure.class)
                .hasMessage("the object store can't be used: " + why);
    }

    @Test
    void missingBucketIsNamedByTheCheck() {
        var store = store(s3.url(), "missing", "local-secret", Duration.ofSeconds(20));

        assertThatThrownBy(() -> await(store.check()))
                .hasMessage("the object store can't be used: NoSuchBucket (look at s3.bucket)");
    }

    @Test
    void storeThatTakesNoConnectionIsSaidToBeSo() throws IOException {
        var port = OutsideProcess.unusedPort();
        var store = store(URI.create("http://127.0.0.1:" + port));

        assertThatThrownBy(() -> await(store.check()))
                .hasMessage("the object store can't be used: it takes no connection");
    }

    private URI server(Consumer<HttpServerRequest> behaviour) {
        var server =
                await(vertx.createHttpServer().requestHandler(behaviour::accept).listen(0, "127.0.0.1"));
        return URI.create("http://127.0.0.1:" + server.actualPort());
    }

    @ParameterizedTest
    @CsvSource({
        "500, InternalError, 3",
        "503, SlowDown, 3",
        "429, TooManyRequests, 3",
        "400, RequestTimeout, 3",
        "400, InvalidArgument, 1",
        "403, AccessDenied, 1",
        "404, NoSuchBucket, 1"
    })
    void onlyWhatMayPassIsTriedAgain(int status, String code, int times) throws IOException {
        var requests = new AtomicInteger();
        var url = server(request -> {
            requests.incrementAndGet();
            request.response()
                    .setStatusCode(status)
                    .putHeader("Content-Type", "application/xml")
                    .end("<Error><Code>" + code + "</Code><Message>m</Message></Error>");
        });
        var store = store(url);
        var file = file(10);

        assertThatThrownBy(() -> await(store.put("a", file))).isInstanceOf(Failure.class);
        assertThat(requests).hasValue(times);
    }

    /**
     * Large ones, since their threads wait for the store. Those that wait for a turn are given up in time too, and send
     * nothing later.
     */
    @Test
    void twoHundredUploadsToAStoreThatHangsEndInTimeAndTakeFewThreads() throws IOException {
        var before = threads();
        var requests = new AtomicInteger();
        var url = server(request -> requests.incrementAndGet());
        var store = store(url, "taskpilot", "local-secret", Duration.ofSeconds(2));
        var file = file(9 << 20);
        var puts = new ArrayList<Future<Void>>();
        for (var i = 0; i < OBJECTS; i++) {
            puts.add(store.put("traces/" + i, file));
        }
        var all = Future.join(puts);

        var most = most(before, all);

        assertThat(puts).allSatisfy(put -> assertThat(put.cause()).isInstanceOf(Failure.class));
        assertThat(requests.get()).isBetween(1, OBJECTS / 2);
        assertThat(most.get("uploads")).isBetween(1, MOST);
        assertThat(most.get("requests")).isLessThanOrEqualTo(MOST);
    }

    /** How many more threads of each kind there were at a time, until it was over. */
    private static Map<String, Integer> most(Map<String, Integer> before, Future<?> work) {
        var most = new HashMap<String, Integer>();
        while (!work.isComplete()) {
            threads().forEach((kind, count) -> most.merge(kind, count - before.getOrDefault(kind, 0), Math::max));
        }
        return most;
    }

    @Test
    void callersKeepTheirContextWhileTheyWaitForATurn() throws IOException {
        var store = store(s3.url());
        var file = file(10);
        var puts = new ArrayList<Future<Boolean>>();
        for (var i = 0; i < 40; i++) {
            var key = "traces/" + i;
            var context = vertx.getOrCreateContext();
            puts.add(Future.future(promise -> context.runOnContext(unused ->
                    store.put(key, file).onComplete(done -> promise.complete(Vertx.currentContext() == context)))));
        }

        await(Future.join(puts));
        assertThat(puts).allSatisfy(put -> assertThat(put.result()).isTrue());
    }
}

package io.taskpilot.objects;

import io.minio.DownloadObjectArgs;
import io.minio.ListObjectsArgs;
import io.minio.MinioAsyncClient;
import io.minio.RemoveObjectArgs;
import io.minio.UploadObjectArgs;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.InvalidResponseException;
import io.minio.errors.ServerException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.engine.ObjectStore;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Retry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import okhttp3.Dispatcher;
import okhttp3.OkHttpClient;
import org.jspecify.annotations.Nullable;

/**
 * Objects in a bucket of any S3 API. Large ones go up in parts. What may pass is tried three times; every request, and
 * the whole of a call, ends in bounded time.
 */
public final class S3Objects implements ObjectStore {
    private static final int REQUESTS = 8;
    private static final Duration CHECK = Duration.ofSeconds(5);
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Retry RETRY = new Retry(3, Duration.ofMillis(200), Duration.ofSeconds(2));

    private final Vertx vertx;
    private final BlockingIo blocking;
    private final String bucket;
    private final Duration patience;
    private final ThreadPoolExecutor threads;
    private final OkHttpClient http;
    private final MinioAsyncClient client;
    private final MinioAsyncClient checker;

    public S3Objects(Vertx vertx, BlockingIo blocking, TaskPilotConfig.S3 settings) {
        this(vertx, blocking, settings, Duration.ofSeconds(30));
    }

    /** @param patience with one request; a call may take four times that */
    S3Objects(Vertx vertx, BlockingIo blocking, TaskPilotConfig.S3 settings, Duration patience) {
        this.vertx = vertx;
        this.blocking = blocking;
        this.bucket = settings.bucket();
        this.patience = patience;
        threads =
                new ThreadPoolExecutor(REQUESTS, REQUESTS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
                    var thread = new Thread(work, "objects");
                    thread.setDaemon(true);
                    return thread;
                });
        threads.allowCoreThreadTimeOut(true);
        var dispatcher = new Dispatcher(threads);
        dispatcher.setMaxRequests(REQUESTS);
        dispatcher.setMaxRequestsPerHost(REQUESTS);
        http = new OkHttpClient.Builder()
                .dispatcher(dispatcher)
                .connectTimeout(CONNECT)
                .readTimeout(patience)
                .writeTimeout(patience)
                .callTimeout(patience)
                .build();
        client = client(settings, http);
        var quick = patience.compareTo(CHECK) < 0 ? patience : CHECK;
        checker = client(settings, http.newBuilder().callTimeout(quick).build());
    }

    private static MinioAsyncClient client(TaskPilotConfig.S3 settings, OkHttpClient http) {
        return MinioAsyncClient.builder()
                .endpoint(Objects.requireNonNull(settings.url(), "s3.url").toString())
                .region(settings.region())
                .credentials(
                        Objects.requireNonNull(settings.accessKey(), "s3.accessKey")
                                .value(),
                        Objects.requireNonNull(settings.secretKey(), "s3.secretKey")
                                .value())
                .httpClient(http)
                .build();
    }

    /** Asked once, and for 5 s. By a list, as its answer has a form: any web server says 200 to a HEAD. */
    @Override
    public Future<Void> check() {
        var args = ListObjectsArgs.builder().bucket(bucket).maxKeys(1).build();
        return blocking.<Void>run(() -> {
                    var objects = checker.listObjects(args).iterator();
                    if (objects.hasNext()) {
                        objects.next().get();
                    }
                    return null;
                })
                .recover(cause -> Future.failedFuture(translated(meant(cause))));
    }

    @Override
    public Future<Void> put(String key, Path file) {
        return call(() -> client.uploadObject(UploadObjectArgs.builder()
                        .bucket(bucket)
                        .object(key)
                        .filename(file.toString())
                        .contentType("application/gzip")
                        .build()))
                .mapEmpty();
    }

    @Override
    public Future<Void> get(String key, Path file) {
        var args = DownloadObjectArgs.builder()
                .bucket(bucket)
                .object(key)
                .filename(file.toString())
                .overwrite(true)
                .build();
        return call(() -> client.downloadObject(args)).mapEmpty();
    }

    @Override
    public Future<Void> delete(String key) {
        var args = RemoveObjectArgs.builder().bucket(bucket).object(key).build();
        return call(() -> client.removeObject(args)).mapEmpty();
    }

    private <T> Future<T> call(Callable<CompletableFuture<T>> request) {
        return tried(request, 1)
                .timeout(4 * patience.toMillis(), TimeUnit.MILLISECONDS)
                .recover(cause -> Future.failedFuture(translated(meant(cause))));
    }

    /** The client answers on its own threads, and reads files on the caller's. */
    private <T> Future<T> tried(Callable<CompletableFuture<T>> request, int attempt) {
        var context = vertx.getOrCreateContext();
        return blocking.run(request)
                .compose(answer -> Future.fromCompletionStage(answer, context))
                .recover(cause -> attempt == RETRY.attempts() || !mayPass(meant(cause))
                        ? Future.failedFuture(cause)
                        : vertx.timer(pauseMillis(attempt), TimeUnit.MILLISECONDS)
                                .compose(unused -> tried(request, attempt + 1)));
    }

    private static long pauseMillis(int attempt) {
        return 1 + RETRY.pause(attempt, ThreadLocalRandom.current()).toMillis();
    }

    private static Throwable meant(Throwable cause) {
        var inner = cause.getCause();
        return cause instanceof CompletionException && inner != null ? meant(inner) : cause;
    }

    private static boolean mayPass(Throwable cause) {
        if (cause instanceof ErrorResponseException error) {
            var status = error.response().code();
            return status >= 500 || status == 429;
        }
        return cause instanceof IOException
                || cause instanceof ServerException
                || cause instanceof InvalidResponseException;
    }

    private static Throwable translated(Throwable cause) {
        if (cause instanceof Failure) {
            return cause;
        }
        var code = code(cause);
        if ("NoSuchKey".equals(code)) {
            return Failure.internal("internal-archive", cause);
        }
        var why = code != null ? code : cause instanceof TimeoutException ? "timeout" : "no answer";
        return Failure.unavailable("archive-unavailable", "the object store can't be used: " + why, cause);
    }

    private static @Nullable String code(Throwable cause) {
        return cause instanceof ErrorResponseException error
                ? error.errorResponse().code()
                : null;
    }

    /** Ends what is under way. */
    public Future<Void> close() {
        return blocking.run(() -> {
            http.dispatcher().cancelAll();
            threads.shutdown();
            http.connectionPool().evictAll();
            return null;
        });
    }
}

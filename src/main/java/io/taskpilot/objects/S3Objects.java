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
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Retry;
import io.taskpilot.resilience.TimeLimit;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import okhttp3.ConnectionPool;
import okhttp3.Dispatcher;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * Objects in a bucket of any S3 API. Large ones go up in parts. What may pass is tried three times; every request, and
 * the whole of a call, ends in bounded time: past its deadline a call sends nothing more.
 *
 * <p>Eight calls are under way at most, and the others wait for their turn. The client prepares an upload on the JVM's
 * common pool, or on a new thread for each where there are only one or two processors, and blocks that thread until the
 * last part is up: nothing else bounds them.
 */
public final class S3Objects implements ObjectStore {
    private static final int CALLS = 8;
    private static final int MOST_WAITING = 1_024;
    private static final int REQUESTS = 8;
    private static final Duration CHECK = Duration.ofSeconds(5);
    private static final long PART_BYTES = 8 << 20;
    private static final long KEEP_ALIVE_SECONDS = 30;
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Retry RETRY = new Retry(3, Duration.ofMillis(200), Duration.ofSeconds(2));

    /** What an operator has to look at. */
    private static final Map<String, String> SETTINGS = Map.of(
            "NoSuchBucket", "s3.bucket",
            "InvalidAccessKeyId", "s3.accessKey",
            "SignatureDoesNotMatch", "s3.secretKey",
            "AccessDenied", "what s3.accessKey may do in s3.bucket",
            "AuthorizationHeaderMalformed", "s3.region",
            "PermanentRedirect", "s3.region and s3.url",
            "RequestTimeTooSkewed", "the clock");

    /** One call of the client, which may also block, and fail at once. */
    private interface Request<T> {
        CompletableFuture<T> send(MinioAsyncClient client) throws Exception;
    }

    private final Vertx vertx;
    private final BlockingIo blocking;
    private final String bucket;
    private final Duration patience;
    private final ThreadPoolExecutor threads;
    private final OkHttpClient http;
    private final TaskPilotConfig.S3 settings;
    private final MinioAsyncClient checker;
    private final Turns turns;
    private volatile boolean closed;

    public S3Objects(Vertx vertx, BlockingIo blocking, TaskPilotConfig.S3 settings) {
        this(vertx, blocking, settings, Duration.ofSeconds(30));
    }

    /** @param patience with one request; a call may take four times that */
    S3Objects(Vertx vertx, BlockingIo blocking, TaskPilotConfig.S3 settings, Duration patience) {
        this.vertx = vertx;
        this.blocking = blocking;
        this.settings = settings;
        this.bucket = settings.bucket();
        turns = new Turns(vertx, CALLS, MOST_WAITING);
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
                .connectionPool(new ConnectionPool(REQUESTS, KEEP_ALIVE_SECONDS, TimeUnit.SECONDS))
                .protocols(List.of(Protocol.HTTP_1_1)) // HTTP/2 has a reading thread for each connection
                .connectTimeout(CONNECT)
                .readTimeout(patience)
                .writeTimeout(patience)
                .callTimeout(patience)
                .build();
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

    /** With the threads and connections of all, and no request once the deadline has passed. */
    private OkHttpClient until(Deadline deadline) {
        return http.newBuilder()
                .addInterceptor(chain -> {
                    if (deadline.hasPassed()) {
                        throw new InterruptedIOException("no time left");
                    }
                    return chain.proceed(chain.request());
                })
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
        return call(client -> client.uploadObject(UploadObjectArgs.builder()
                        .bucket(bucket)
                        .object(key)
                        .filename(file.toString(), PART_BYTES)
                        .contentType(key.endsWith(".json") ? "application/json" : "application/gzip")
                        .build()))
                .mapEmpty();
    }

    @Override
    public Future<Void> get(String key, Path file) {
        var args = DownloadObjectArgs.builder().bucket(bucket).object(key);
        return call(client -> {
            var own = Files.createTempDirectory(file.resolveSibling("."), "download-");
            var whole = own.resolve("whole");
            try {
                return client.downloadObject(args.filename(whole.toString()).build())
                        .thenAccept(unused -> moved(whole, file))
                        .whenComplete((unused, cause) -> removed(own));
            } catch (Exception e) {
                removed(own);
                throw e;
            }
        });
    }

    private static void moved(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new CompletionException(e);
        }
    }

    /** With the part that the client leaves of a download that breaks. */
    private static void removed(Path directory) {
        try (var files = Files.list(directory)) {
            for (var file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(directory);
        } catch (IOException e) {
            throw new CompletionException(e);
        }
    }

    @Override
    public Future<Void> delete(String key) {
        var args = RemoveObjectArgs.builder().bucket(bucket).object(key).build();
        return call(client -> client.removeObject(args)).mapEmpty();
    }

    /** The turn is given back when the work has ended, not when its time has. */
    private <T> Future<T> call(Request<T> request) {
        var whole = patience.multipliedBy(4);
        var deadline = Deadline.in(whole);
        var client = client(settings, until(deadline));
        var work = turns.take(() -> tried(() -> request.send(client), deadline, 1));
        return TimeLimit.of(vertx, whole.toMillis(), work)
                .recover(cause -> Future.failedFuture(translated(meant(cause))));
    }

    /** The client answers on its own threads, and reads files on the caller's. */
    private <T> Future<T> tried(Callable<CompletableFuture<T>> request, Deadline deadline, int attempt) {
        if (closed || deadline.hasPassed()) {
            return Future.failedFuture(new TimeoutException(closed ? "closed" : "no turn in time"));
        }
        var context = vertx.getOrCreateContext();
        return blocking.run(request)
                .compose(answer -> Future.fromCompletionStage(answer, context))
                .recover(cause -> attempt == RETRY.attempts() || !mayPass(meant(cause))
                        ? Future.failedFuture(cause)
                        : vertx.timer(pauseMillis(attempt), TimeUnit.MILLISECONDS)
                                .compose(unused -> tried(request, deadline, attempt + 1)));
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
            return status >= 500 || status == 429 || "RequestTimeout".equals(code(cause));
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
        return unavailable(code != null ? code : lack(cause), cause);
    }

    private static Failure unavailable(String why, Throwable cause) {
        var setting = SETTINGS.get(why);
        var hint = setting == null ? "" : " (look at " + setting + ")";
        return Failure.unavailable("archive-unavailable", "the object store can't be used: " + why + hint, cause);
    }

    /** Why there was no answer of S3, in words. */
    private static String lack(Throwable cause) {
        if (cause instanceof UnknownHostException) {
            return "its name is not known";
        }
        if (cause instanceof ConnectException) {
            return "it takes no connection";
        }
        if (cause instanceof SSLException) {
            return "no TLS";
        }
        if (cause instanceof InvalidResponseException || cause instanceof ServerException) {
            return "no answer of S3";
        }
        return cause instanceof TimeoutException || cause instanceof InterruptedIOException ? "timeout" : "no answer";
    }

    private static @Nullable String code(Throwable cause) {
        return cause instanceof ErrorResponseException error
                ? error.errorResponse().code()
                : null;
    }

    /** Ends what is under way. */
    public Future<Void> close() {
        closed = true;
        return blocking.run(() -> {
            http.dispatcher().cancelAll();
            threads.shutdown();
            http.connectionPool().evictAll();
            return null;
        });
    }
}

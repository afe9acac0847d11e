package io.taskpilot.app;

import com.google.protobuf.InvalidProtocolBufferException;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/** Takes spans as a collector does: OTLP over HTTP ({@code http/protobuf}) and over gRPC, on one port. */
final class OtlpReceiver implements AutoCloseable {
    private static final String GRPC = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    private static final int FRAME_HEAD = 5;
    private static final long PATIENCE_SECONDS = 60;

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    private final List<SeenSpan> spans = new CopyOnWriteArrayList<>();
    private final List<String> texts = new CopyOnWriteArrayList<>();
    private final List<Map<String, String>> headers = new CopyOnWriteArrayList<>();
    private final int port;

    OtlpReceiver() throws Exception {
        port = vertx.createHttpServer(new HttpServerOptions().setHttp2ClearTextEnabled(true))
                .requestHandler(this::handle)
                .listen(0, "127.0.0.1")
                .await(10, TimeUnit.SECONDS)
                .actualPort();
    }

    private void handle(HttpServerRequest request) {
        request.body().onSuccess(body -> {
            headers.add(Map.of("authorization", String.valueOf(request.getHeader("authorization"))));
            try {
                if (request.path().equals(GRPC) && request.version() == HttpVersion.HTTP_2) {
                    take(body.slice(FRAME_HEAD, body.length()));
                    request.response()
                            .putHeader("content-type", "application/grpc")
                            .putTrailer("grpc-status", "0")
                            .end(Buffer.buffer(new byte[FRAME_HEAD])); // an empty message, not compressed
                } else if (request.path().equals("/v1/traces")) {
                    take(body);
                    request.response()
                            .putHeader("content-type", "application/x-protobuf")
                            .end();
                } else {
                    request.response().setStatusCode(404).end();
                }
            } catch (InvalidProtocolBufferException e) {
                request.response().setStatusCode(400).end(e.toString());
            }
        });
    }

    private void take(Buffer message) throws InvalidProtocolBufferException {
        var request = ExportTraceServiceRequest.parseFrom(message.getBytes());
        texts.add(request.toString());
        spans.addAll(SeenSpan.of(request));
    }

    /**
     * What makes a server send its spans here.
     *
     * @param protocol {@code grpc} or {@code http/protobuf}
     */
    Map<String, String> settings(String protocol) {
        return Map.of(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://127.0.0.1:" + port,
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                protocol,
                "OTEL_BSP_SCHEDULE_DELAY",
                "50");
    }

    List<SeenSpan> spans() {
        return List.copyOf(spans);
    }

    /** Everything that came, as text. */
    String everything() {
        return String.join("\n", texts);
    }

    /** The {@code authorization} header of each export. */
    List<String> authorizations() {
        return headers.stream().map(sent -> sent.get("authorization")).toList();
    }

    /** The trace once it is as {@code whole} wants it. */
    SeenTrace trace(String traceId, Predicate<SeenTrace> whole) {
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (true) {
            var trace = new SeenTrace(spans.stream()
                    .filter(span -> span.traceId().equals(traceId))
                    .toList());
            if (whole.test(trace)) {
                return trace;
            }
            if (System.nanoTime() - end > 0) {
                throw new AssertionError(
                        "not what was awaited of trace %s:\n%s%s".formatted(traceId, trace.tree(), trace.spans()));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    @Override
    public void close() {
        vertx.close().await();
    }
}

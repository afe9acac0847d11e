package io.taskpilot.objects;

import io.minio.BucketExistsArgs;
import io.minio.GetObjectArgs;
import io.minio.MakeBucketArgs;
import io.minio.MinioClient;
import io.minio.errors.ErrorResponseException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * A real SeaweedFS with its S3 API and one bucket, in a process and a directory of its own, on ports that it keeps: to
 * be killed, stopped and started again. The program is that of $WEED, the PATH, or the cache of {@code .ci/run}.
 */
public final class SeaweedFs extends OutsideProcess {
    private static final String IDENTITIES = """
            {"identities": [{"name": "taskpilot",
              "credentials": [{"accessKey": "local-access", "secretKey": "local-secret"}],
              "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
            """;

    private final Path program;
    private final Path directory;
    private final List<Integer> ports;
    private final MinioClient client;

    private SeaweedFs(Path program, List<Integer> ports) throws IOException {
        super(ports.get(0));
        this.program = program;
        this.ports = ports;
        directory = Files.createTempDirectory("taskpilot-weed");
        Files.writeString(directory.resolve("s3.json"), IDENTITIES);
        Files.createDirectory(directory.resolve("data"));
        client = MinioClient.builder()
                .endpoint(url().toString())
                .region("us-east-1")
                .credentials("local-access", "local-secret")
                .build();
        client.setTimeout(5_000, 5_000, 5_000);
    }

    /** Returns when its bucket is there; skips the test without SeaweedFS, and fails it with TASKPILOT_REQUIRE_TOOLS. */
    public static SeaweedFs start() throws IOException {
        var weed = new SeaweedFs(Tool.orSkip("WEED", "weed"), unusedPorts(8));
        weed.launch();
        return weed;
    }

    @Override
    protected List<String> command() {
        return List.of(
                program.toString(),
                "server",
                "-dir=" + directory.resolve("data"),
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-master.port=" + ports.get(1),
                "-master.port.grpc=" + ports.get(2),
                "-master.volumeSizeLimitMB=64",
                "-volume.port=" + ports.get(3),
                "-volume.port.grpc=" + ports.get(4),
                "-volume.max=20",
                "-volume.preStopSeconds=0",
                "-filer",
                "-filer.port=" + ports.get(5),
                "-filer.port.grpc=" + ports.get(6),
                "-filer.localSocket=" + directory.resolve("filer.sock"),
                "-s3",
                "-s3.port=" + port(),
                "-s3.port.grpc=" + ports.get(7),
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-s3.localSocket=" + directory.resolve("s3.sock"),
                "-s3.config=" + directory.resolve("s3.json"));
    }

    @Override
    protected boolean isReady() {
        try {
            if (!client.bucketExists(
                    BucketExistsArgs.builder().bucket("taskpilot").build())) {
                client.makeBucket(MakeBucketArgs.builder().bucket("taskpilot").build());
            }
            return true;
        } catch (Exception notYet) {
            return false;
        }
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + port());
    }

    public TaskPilotConfig.S3 settings() {
        return LocalS3.settings(url(), "taskpilot", "local-secret");
    }

    /** What an object holds, if it is there. */
    public Optional<byte[]> stored(String key) throws Exception {
        var args = GetObjectArgs.builder().bucket("taskpilot").object(key).build();
        try (var object = client.getObject(args)) {
            return Optional.of(object.readAllBytes());
        } catch (ErrorResponseException e) {
            if (e.errorResponse().code().equals("NoSuchKey")) {
                return Optional.empty();
            }
            throw e;
        }
    }

    @Override
    public void close() {
        super.close();
        try {
            for (var part : List.of("master", "volume", "filer", "s3")) { // where it puts these, always
                for (var port : ports) {
                    Files.deleteIfExists(Path.of("/tmp", "seaweedfs-%s-grpc-%d.sock".formatted(part, port)));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try (var paths = Files.walk(directory)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.taskpilot.policy;

import io.taskpilot.outside.OutsideProcess;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** An OPA server on a port that it keeps, to be killed, stopped and started again. */
public final class OpaProcess implements AutoCloseable {
    private static final Path SHIPPED = Path.of("conf/policy");

    private final int port;
    private final OutsideProcess process;

    private OpaProcess(int port, List<String> more) throws IOException {
        this.port = port;
        var command = new ArrayList<String>();
        command.add(RealOpa.installedOrSkip().binary());
        command.addAll(List.of("run", "--server", "--skip-version-check", "--addr=127.0.0.1:" + port));
        command.addAll(more);
        process = OutsideProcess.start(command, this::isHealthy);
    }

    /** With the shipped policy; returns when it answers, and skips the test where there is no OPA. */
    public static OpaProcess start() throws IOException {
        return start(OutsideProcess.unusedPort());
    }

    public static OpaProcess start(int port) throws IOException {
        return new OpaProcess(port, List.of(SHIPPED.toString()));
    }

    /** @param policy a directory of Rego and data */
    public static OpaProcess start(Path policy) throws IOException {
        return new OpaProcess(OutsideProcess.unusedPort(), List.of(policy.toString()));
    }

    /**
     * One that loads {@code bundle.tar.gz} from a web server.
     *
     * @param flags as they are shipped
     */
    public static OpaProcess ofBundle(URI service, List<String> flags) throws IOException {
        var bundle = List.of(
                "--set=services.store.url=" + service,
                "--set=bundles.taskpilot.service=store",
                "--set=bundles.taskpilot.resource=bundle.tar.gz",
                "--set=bundles.taskpilot.polling.min_delay_seconds=1",
                "--set=bundles.taskpilot.polling.max_delay_seconds=2");
        return new OpaProcess(
                OutsideProcess.unusedPort(),
                Stream.concat(bundle.stream(), flags.stream()).toList());
    }

    /** One with a configuration file. */
    public static OpaProcess configured(Path configuration) throws IOException {
        return new OpaProcess(OutsideProcess.unusedPort(), List.of("--config-file=" + configuration));
    }

    private boolean isHealthy() throws IOException {
        var connection = (HttpURLConnection) url().resolve("/health").toURL().openConnection();
        connection.setConnectTimeout(5_000);
        connection.setReadTimeout(5_000);
        return connection.getResponseCode() == 200;
    }

    public int port() {
        return port;
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + port);
    }

    public void kill() {
        process.kill();
    }

    public void startAgain() {
        process.startAgain();
    }

    /** From now on it accepts, and never answers. */
    public void hang() {
        process.hang();
    }

    public void goOn() {
        process.goOn();
    }

    @Override
    public void close() {
        process.close();
    }
}

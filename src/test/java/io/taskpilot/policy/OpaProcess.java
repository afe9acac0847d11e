package io.taskpilot.policy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** An OPA server with the shipped policy, on a port that it keeps, to be killed, stopped and started again. */
public final class OpaProcess implements AutoCloseable {
    private final RealOpa opa;
    private final Path log;
    private final int port;
    private Process process;

    private OpaProcess(RealOpa opa, int port) throws IOException, InterruptedException {
        this.opa = opa;
        this.port = port;
        log = Files.createTempFile("opa", ".log");
        process = launch();
    }

    /** Returns when it answers; skips the test where there is no OPA. */
    public static OpaProcess start() throws IOException, InterruptedException {
        return start(RealOpa.unusedPort());
    }

    public static OpaProcess start(int port) throws IOException, InterruptedException {
        return new OpaProcess(RealOpa.installedOrSkip(), port);
    }

    private Process launch() throws IOException, InterruptedException {
        var started = opa.serve(Path.of("conf/policy"), port, log);
        RealOpa.awaitHealthy(started, port);
        return started;
    }

    public int port() {
        return port;
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + port);
    }

    public void kill() {
        process.destroyForcibly().onExit().join();
    }

    public void startAgain() throws IOException, InterruptedException {
        process = launch();
    }

    /** From now on it accepts, and never answers. */
    public void hang() throws IOException, InterruptedException {
        signal("STOP");
    }

    public void goOn() throws IOException, InterruptedException {
        signal("CONT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        var sent = new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start();
        if (!sent.waitFor(10, TimeUnit.SECONDS) || sent.exitValue() != 0) {
            throw new IOException("opa took no " + name);
        }
    }

    @Override
    public void close() throws IOException {
        kill();
        Files.deleteIfExists(log);
    }
}

package io.taskpilot.app;

import io.taskpilot.config.TaskPilotConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A server of this process, findable by commands, and stopped in order however the process ends. */
final class HostedServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HostedServer.class);

    private final LocalServer server;
    private final ServerRecord record;
    private final Path dataDir;
    private final AtomicBoolean closing = new AtomicBoolean();
    private final CountDownLatch closed = new CountDownLatch(1);

    private HostedServer(LocalServer server, ServerRecord record, Path dataDir) {
        this.server = server;
        this.record = record;
        this.dataDir = dataDir;
    }

    static HostedServer start(Function<TaskPilotConfig, LocalServer> start, TaskPilotConfig config) throws IOException {
        var server = start.apply(config);
        var record = new ServerRecord(
                server.url(), server.managementUrl(), ProcessHandle.current().pid());
        var hosted = new HostedServer(server, record, config.dataDir());
        // the hook first: a signal between the two must find it
        Runtime.getRuntime().addShutdownHook(new Thread(hosted::stop, "shutdown"));
        record.write(config.dataDir());
        return hosted;
    }

    LocalServer server() {
        return server;
    }

    private void stop() {
        SecondSignal.then(() -> {
            log.info("told to stop again: not waiting any more");
            server.hurry().run();
        });
        close();
    }

    /** Blocks until everything is closed, as the JVM halts when its hooks return. */
    @Override
    public void close() {
        if (closing.compareAndSet(false, true)) {
            try {
                closeOnce();
            } finally {
                closed.countDown();
            }
        } else {
            awaitClosed();
        }
    }

    private void closeOnce() {
        log.info("stopping");
        try {
            record.remove(dataDir);
        } catch (IOException e) {
            log.warn("server record not removed dir={}", dataDir, e);
        }
        server.close().run();
        log.info("stopped");
        Logging.flush(); // last, as hooks run all at once, and none may have another turn
    }

    private void awaitClosed() {
        try {
            closed.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

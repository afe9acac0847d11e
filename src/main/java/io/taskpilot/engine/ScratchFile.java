package io.taskpilot.engine;

import io.taskpilot.resilience.BlockingIo;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A file for the time of one piece of work. */
final class ScratchFile {
    private static final Logger log = LoggerFactory.getLogger(ScratchFile.class);

    private ScratchFile() {}

    /** Ends as the work does, once the file is gone. */
    static <T> Future<T> use(BlockingIo blocking, String suffix, Function<Path, Future<T>> work) {
        return blocking.run(() -> Files.createTempFile("taskpilot-object-", suffix))
                .compose(file -> work.apply(file)
                        .transform((value, cause) -> blocking.run(removal(file))
                                .transform(unused ->
                                        cause == null ? Future.succeededFuture(value) : Future.failedFuture(cause))));
    }

    private static Callable<Boolean> removal(Path file) {
        return () -> {
            try {
                return Files.deleteIfExists(file);
            } catch (IOException e) {
                log.warn("temporary file stays file={} cause={}", file, e.toString());
                return false;
            }
        };
    }
}

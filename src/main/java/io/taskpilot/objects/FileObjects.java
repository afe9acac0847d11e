package io.taskpilot.objects;

import io.taskpilot.engine.ObjectStore;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import java.util.concurrent.Callable;

/** Objects as files under a directory. A file is there whole, and on disk, or not at all. */
public final class FileObjects implements ObjectStore {
    private final Path root;
    private final BlockingIo blocking;

    public FileObjects(Path root, BlockingIo blocking) {
        this.root = root;
        this.blocking = blocking;
    }

    @Override
    public Future<Void> check() {
        return run(() -> {
            Files.createDirectories(root);
            Files.delete(Files.createTempFile(root, "check-", ".tmp"));
            return null;
        });
    }

    @Override
    public Future<Void> put(String key, Path file) {
        return run(() -> {
            var target = root.resolve(key);
            var directory = Files.createDirectories(target.resolveSibling("."));
            var part = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + ".tmp");
            try {
                Files.copy(file, part);
                sync(part, StandardOpenOption.WRITE);
                Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
            sync(directory, StandardOpenOption.READ);
            return null;
        });
    }

    /** Of a directory: that the name is there. */
    private static void sync(Path path, StandardOpenOption how) throws IOException {
        try (var channel = FileChannel.open(path, how)) {
            channel.force(true);
        }
    }

    @Override
    public Future<Void> get(String key, Path file) {
        return run(() -> {
            Files.copy(root.resolve(key), file, StandardCopyOption.REPLACE_EXISTING);
            return null;
        });
    }

    @Override
    public Future<Void> delete(String key) {
        return run(() -> {
            Files.deleteIfExists(root.resolve(key));
            return null;
        });
    }

    private Future<Void> run(Callable<Void> work) {
        return blocking.run(work).recover(cause -> Future.failedFuture(translated(cause)));
    }

    private static Throwable translated(Throwable cause) {
        if (cause instanceof NoSuchFileException || cause instanceof AtomicMoveNotSupportedException) {
            return Failure.internal("internal-archive", cause);
        }
        return cause instanceof IOException
                ? Failure.unavailable("archive-unavailable", "the archive's directory can't be used", cause)
                : cause;
    }
}

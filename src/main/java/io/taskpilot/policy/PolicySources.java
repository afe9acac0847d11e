package io.taskpilot.policy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** The files a module is built from, as {@code scripts/build-policy} chooses and digests them. */
final class PolicySources {
    /** Static data of the policy, beside the Rego; optional. */
    static final String DATA = "data.json";

    private PolicySources() {}

    /** The SHA-256, in hex, of the lines {@code <sha256 of the file>  <path>}, in the order of the paths. */
    static String digest(Path directory) throws IOException {
        var lines = new TreeMap<String, String>();
        try (var files = Files.walk(directory)) {
            files.filter(Files::isRegularFile)
                    .map(file -> directory.relativize(file))
                    .filter(PolicySources::isSource)
                    .forEach(path -> lines.put(slashed(path), sha256(directory.resolve(path))));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        var listing = lines.entrySet().stream()
                .map(line -> line.getValue() + "  " + line.getKey() + "\n")
                .collect(Collectors.joining());
        return sha256(listing.getBytes(StandardCharsets.UTF_8));
    }

    private static boolean isSource(Path path) {
        var name = slashed(path);
        var rego = name.endsWith(".rego") && !name.endsWith("_test.rego");
        return (rego || name.equals(DATA)) && !name.startsWith(".") && !name.contains("/.");
    }

    private static String slashed(Path path) {
        return StreamSupport.stream(path.spliterator(), false)
                .map(Path::toString)
                .collect(Collectors.joining("/"));
    }

    private static String sha256(Path file) {
        try {
            return sha256(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}

package io.taskpilot.engine;

import io.taskpilot.run.Recorded;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * The trace of a run as gzip JSONL (RFC 1952; UTF-8, one JSON object a line): its events by {@code seq}, then its
 * decisions as {@code {"decision": ...}}. The checksum is SHA-256 of the text, so that it does not depend on who
 * compressed it. Blocks: call it from {@code BlockingIo}.
 */
final class TraceFile {
    private TraceFile() {}

    /** Not the trace that was archived. */
    static final class Corrupt extends IOException {
        private static final long serialVersionUID = 1L;

        Corrupt(String message) {
            super(message);
        }
    }

    /** Writes one trace; used by one thread at a time. */
    static final class Writer implements AutoCloseable {
        private final MessageDigest digest = sha256();
        private final BufferedWriter out;

        Writer(Path file) throws IOException {
            OutputStream gzip = new GZIPOutputStream(Files.newOutputStream(file), 8192);
            out = new BufferedWriter(
                    new OutputStreamWriter(new DigestOutputStream(gzip, digest), StandardCharsets.UTF_8));
        }

        void lines(List<Map<String, Object>> lines) throws IOException {
            for (var line : lines) {
                out.write(Json.encode(line));
                out.write('\n');
            }
        }

        /** Closes the file. */
        String checksum() throws IOException {
            out.close();
            return HexFormat.of().formatHex(digest.digest());
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }

    /**
     * Events after a seq. The whole of the file is read before anything is given: it must have its checksum.
     *
     * @throws Corrupt when it is another file, or a broken one
     */
    static List<Recorded> events(Path file, String checksum, long after, int limit) throws IOException {
        var lines = new ArrayList<String>();
        var digest = sha256();
        try (var in = new BufferedReader(new InputStreamReader(
                new DigestInputStream(new GZIPInputStream(Files.newInputStream(file)), digest),
                StandardCharsets.UTF_8))) {
            var seq = 0L; // a run's events have no gaps, so the line's number is its seq
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                seq++;
                if (seq > after && lines.size() < limit) {
                    lines.add(line);
                }
            }
        } catch (IOException e) {
            throw corrupt(e);
        }
        if (!checksum.equals(HexFormat.of().formatHex(digest.digest()))) {
            throw new Corrupt("the trace does not have its checksum");
        }
        var events = new ArrayList<Recorded>(lines.size());
        for (var line : lines) {
            var json = new JsonObject(line).getMap();
            if (!json.containsKey("seq")) {
                break; // decisions follow
            }
            events.add(TraceJson.event(json));
        }
        return events;
    }

    private static Corrupt corrupt(IOException cause) {
        var corrupt = new Corrupt("the trace can't be read");
        corrupt.initCause(cause);
        return corrupt;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK must have it
        }
    }
}

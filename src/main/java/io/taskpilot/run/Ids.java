package io.taskpilot.run;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.UUID;
import java.util.random.RandomGenerator;

/**
 * Identifiers: UUIDv7 (RFC 9562, section 5.7). What a run makes (tasks, approvals, decisions) has an id derived from the
 * run's, so that folding the same history again names the same things.
 */
public final class Ids {
    private Ids() {}

    /** @param unixMillis the time part, 48 bits */
    public static UUID at(long unixMillis, RandomGenerator random) {
        return version7(unixMillis, random.nextLong(), random.nextLong());
    }

    /** The id of {@code name} within {@code parent}: the parent's time, and bits of SHA-256 for the random part. */
    public static UUID derived(UUID parent, String name) {
        var hash = ByteBuffer.wrap(sha256(parent + "/" + name));
        return version7(unixMillis(parent), hash.getLong(), hash.getLong());
    }

    /** The time part of a UUIDv7, in Unix milliseconds. */
    public static long unixMillis(UUID id) {
        return id.getMostSignificantBits() >>> 16;
    }

    private static UUID version7(long unixMillis, long randomA, long randomB) {
        return new UUID(
                (unixMillis << 16) | 0x7000L | (randomA & 0x0FFFL),
                0x8000_0000_0000_0000L | (randomB & 0x3FFF_FFFF_FFFF_FFFFL));
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK must have it
        }
    }
}

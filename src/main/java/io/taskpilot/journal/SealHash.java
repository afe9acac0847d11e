package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.Seal;
import io.vertx.sqlclient.Row;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.LocalDate;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What ties a seal to the one before it, and to the chains it covers. */
final class SealHash {
    private final ColumnHash hash;

    SealHash(@Nullable Secret key) {
        hash = new ColumnHash(key);
    }

    /** Says nothing of when it is made: a seal that is made again is the same. */
    Seal seal(LocalDate day, Root root, String prevHash) {
        var unhashed = new Seal(day, root.chains, root.rows, root.hex(), prevHash, "");
        return new Seal(day, root.chains, root.rows, unhashed.root(), prevHash, of(unhashed));
    }

    /** What the seal's {@code hash} must be, given everything else in it. */
    String of(Seal seal) {
        return hash.of(List.of(
                "seal",
                seal.day().toString(),
                Long.toString(seal.chains()),
                Long.toString(seal.rows()),
                seal.root(),
                seal.prevHash()));
    }

    static Seal seal(Row row) {
        return new Seal(
                row.getLocalDate("day"),
                row.getLong("chains"),
                row.getLong("rows"),
                row.getString("root"),
                row.getString("prev_hash"),
                row.getString("hash"));
    }

    /**
     * Where a chain was when it was sealed.
     *
     * @param since how many of its rows are in earlier seals
     */
    record SealedHead(UUID chainId, long since, long length, String hash) {
        static SealedHead of(Row row) {
            return new SealedHead(
                    row.getUUID("chain_id"), row.getLong("since"), row.getLong("length"), row.getString("hash"));
        }
    }

    /** Grows head by head, in the order of the chains' ids; holds none of them. */
    static final class Root {
        private final MessageDigest digest = sha256();
        private long chains;
        private long rows;

        void add(SealedHead head) {
            digest.update(ColumnHash.lengthPrefixed(List.of(
                    head.chainId().toString(),
                    Long.toString(head.since()),
                    Long.toString(head.length()),
                    head.hash())));
            chains++;
            rows += head.length() - head.since();
        }

        long chains() {
            return chains;
        }

        long rows() {
            return rows;
        }

        /** Only once: it starts anew after that. */
        String hex() {
            return HexFormat.of().formatHex(digest.digest());
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e); // every JDK must have it
            }
        }
    }
}

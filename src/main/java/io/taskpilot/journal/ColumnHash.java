package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256, or HMAC-SHA-256 with a key, over columns, each with its length before it. Plain SHA-256 shows accidents;
 * only the key, which the database never sees, shows what an administrator of the database did.
 */
final class ColumnHash {
    private final @Nullable Secret key;

    ColumnHash(@Nullable Secret key) {
        this.key = key;
    }

    String of(List<String> columns) {
        return HexFormat.of().formatHex(digest(lengthPrefixed(columns)));
    }

    static byte[] lengthPrefixed(List<String> columns) {
        var bytes = new ByteArrayOutputStream();
        try (var out = new DataOutputStream(bytes)) {
            for (var column : columns) {
                var utf8 = column.getBytes(StandardCharsets.UTF_8);
                out.writeInt(utf8.length);
                out.write(utf8);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory does not fail
        }
        return bytes.toByteArray();
    }

    private byte[] digest(byte[] message) {
        try {
            if (key == null) {
                return MessageDigest.getInstance("SHA-256").digest(message);
            }
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key.value().getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return mac.doFinal(message);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every JDK must have them
        }
    }
}

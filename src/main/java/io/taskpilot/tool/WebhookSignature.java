package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signs as the specification of Standard Webhooks (standardwebhooks.com, scheme {@code v1}) has it. */
final class WebhookSignature {
    private static final String PREFIX = "whsec_";
    private static final String ALGORITHM = "HmacSHA256";

    private final List<SecretKeySpec> keys;

    /**
     * @param secrets each {@code whsec_} and the base64 of 24 to 64 bytes; more than one while a secret is rotated
     * @throws IllegalArgumentException when one is not; the message does not hold it
     */
    WebhookSignature(String... secrets) {
        keys = Arrays.stream(secrets).map(WebhookSignature::key).toList();
    }

    private static SecretKeySpec key(String secret) {
        if (!secret.startsWith(PREFIX)) {
            throw new IllegalArgumentException("secret: does not begin with " + PREFIX);
        }
        var bytes = decoded(secret.substring(PREFIX.length()));
        if (bytes.length < 24 || bytes.length > 64) {
            throw new IllegalArgumentException("secret: %d bytes (expected: 24 to 64)".formatted(bytes.length));
        }
        return new SecretKeySpec(bytes, ALGORITHM);
    }

    private static byte[] decoded(String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("secret: not base64 after " + PREFIX); // the cause would quote it
        }
    }

    /** The value of {@code webhook-signature}: a signature with each secret, of which a receiver needs to know one. */
    String of(String id, long unixSeconds, byte[] body) {
        return keys.stream().map(key -> of(key, id, unixSeconds, body)).collect(Collectors.joining(" "));
    }

    private static String of(SecretKeySpec key, String id, long unixSeconds, byte[] body) {
        try {
            var mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            mac.update((id + "." + unixSeconds + ".").getBytes(UTF_8));
            return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every JDK must have it
        }
    }
}

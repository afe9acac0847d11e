package io.taskpilot.run;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * JSON Canonicalization Scheme (RFC 8785): one text for one value, so that a digest names a call. Differs from the RFC
 * where two different calls would share a digest: integers that no double prints as keep all their digits, and half of
 * a surrogate pair is escaped.
 */
public final class CanonicalJson {
    private static final int MAX_DIGITS = 1_000;

    private CanonicalJson() {}

    /** @throws IllegalArgumentException for NaN, infinities, integers over 1,000 digits, and what JSON does not have */
    public static String of(@Nullable Object value) {
        var out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    /** SHA-256, in lower-case hex, of the UTF-8 bytes of the canonical form. */
    public static String sha256(@Nullable Object value) {
        return sha256Text(of(value));
    }

    /** SHA-256, in lower-case hex, of the UTF-8 bytes of a text. */
    public static String sha256Text(String text) {
        try {
            var digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK must have it
        }
    }

    private static void write(@Nullable Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof String text) {
            writeString(text, out);
        } else if (value instanceof Number number) {
            out.append(number(number));
        } else if (value instanceof Map<?, ?> map) {
            writeObject(map, out);
        } else if (value instanceof List<?> list) {
            var separator = "[";
            for (var item : list) {
                out.append(separator);
                write(item, out);
                separator = ",";
            }
            out.append(list.isEmpty() ? "[]" : "]");
        } else {
            throw new IllegalArgumentException(
                    "not a JSON value: " + value.getClass().getName());
        }
    }

    private static void writeObject(Map<?, ?> map, StringBuilder out) {
        var sorted = new TreeMap<String, Object>(); // String order is UTF-16 code unit order, as the RFC asks
        map.forEach((key, item) -> sorted.put(name(key), item));
        out.append('{');
        var first = true;
        for (var entry : sorted.entrySet()) {
            if (!first) {
                out.append(',');
            }
            first = false;
            writeString(entry.getKey(), out);
            out.append(':');
            write(entry.getValue(), out);
        }
        out.append('}');
    }

    private static String name(@Nullable Object key) {
        if (key instanceof String name) {
            return name;
        }
        throw new IllegalArgumentException("not a JSON name: " + key);
    }

    private static void writeString(String text, StringBuilder out) {
        out.append('"');
        for (var i = 0; i < text.length(); i++) {
            var c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < 0x20 || isLoneSurrogate(text, i)) {
                        out.append("\\u%04x".formatted((int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    private static boolean isLoneSurrogate(String text, int at) {
        var c = text.charAt(at);
        return Character.isHighSurrogate(c)
                ? at + 1 == text.length() || !Character.isLowSurrogate(text.charAt(at + 1))
                : Character.isLowSurrogate(c) && (at == 0 || !Character.isHighSurrogate(text.charAt(at - 1)));
    }

    private static String number(Number number) {
        if (number instanceof Integer) {
            return number.toString();
        }
        if (number instanceof Long || number instanceof BigInteger) {
            return integer(new BigDecimal(number.toString()));
        }
        if (number instanceof BigDecimal decimal && decimal.stripTrailingZeros().scale() <= 0) {
            return integer(decimal);
        }
        var value = number.doubleValue();
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("not a JSON number: " + value);
        }
        return ecmaScript(value);
    }

    /** As the double that prints as this integer, if there is one; else all its digits. */
    private static String integer(BigDecimal value) {
        if ((long) value.precision() - value.scale() > MAX_DIGITS) {
            throw new IllegalArgumentException("an integer of over %d digits".formatted(MAX_DIGITS));
        }
        var near = value.doubleValue();
        return Double.isFinite(near) && shortest(Math.abs(near)).compareTo(value.abs()) == 0
                ? ecmaScript(near)
                : value.toBigInteger().toString();
    }

    /** ECMAScript's Number::toString, as RFC 8785 section 3.2.2.3 asks. */
    private static String ecmaScript(double value) {
        if (value == 0) {
            return "0"; // also for -0
        }
        var shortest = shortest(Math.abs(value));
        var digits = shortest.unscaledValue().toString();
        var point = digits.length() - shortest.scale(); // the value is 0.digits times ten to this power
        var sign = value < 0 ? "-" : "";
        if (digits.length() <= point && point <= 21) {
            return sign + digits + "0".repeat(point - digits.length());
        }
        if (0 < point && point <= 21) {
            return sign + digits.substring(0, point) + "." + digits.substring(point);
        }
        if (-6 < point && point <= 0) {
            return sign + "0." + "0".repeat(-point) + digits;
        }
        var exponent = point - 1;
        var fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
        return sign + digits.charAt(0) + fraction + "e" + (exponent < 0 ? "-" : "+") + Math.abs(exponent);
    }

    /** The fewest digits that read back as this double. (Before JDK 19, Double.toString may print more.) */
    private static BigDecimal shortest(double value) {
        var exact = new BigDecimal(value);
        for (var precision = 1; precision < 17; precision++) {
            // Below a power of two doubles lie closer, so the nearest decimal may miss where the one above reads back.
            for (var rounding : List.of(RoundingMode.HALF_EVEN, RoundingMode.CEILING)) {
                var rounded = exact.round(new MathContext(precision, rounding));
                if (rounded.doubleValue() == value) {
                    return rounded.stripTrailingZeros();
                }
            }
        }
        return exact.round(new MathContext(17, RoundingMode.HALF_EVEN)).stripTrailingZeros();
    }
}

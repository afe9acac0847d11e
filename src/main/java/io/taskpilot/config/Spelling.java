package io.taskpilot.config;

import java.util.Collection;
import org.jspecify.annotations.Nullable;

/** What somebody may have meant by a name that is not known. */
public final class Spelling {
    private Spelling() {}

    /** The known name that differs least; null when none is near. */
    public static @Nullable String nearest(String unknown, Collection<String> known) {
        @Nullable String best = null;
        var least = Math.max(2, unknown.length() / 3) + 1;
        for (var candidate : known) {
            var distance = Math.min(distance(unknown, candidate), distance(unknown, leaf(candidate)) + 1);
            if (distance < least) {
                least = distance;
                best = candidate;
            }
        }
        return best;
    }

    private static String leaf(String path) {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    /** Levenshtein's, one row at a time. */
    private static int distance(String a, String b) {
        var row = new int[b.length() + 1];
        for (var j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (var i = 1; i <= a.length(); i++) {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.length(); j++) {
                var same = Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1));
                var replaced = diagonal + (same ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}

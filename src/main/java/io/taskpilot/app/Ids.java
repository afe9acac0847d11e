package io.taskpilot.app;

import java.util.regex.Pattern;

/** Ids as they are typed. */
final class Ids {
    private static final Pattern REST = Pattern.compile("[0-9a-zA-Z-]{1,64}");

    private Ids() {}

    /** The id, safe in a path. */
    static String checked(String id, String prefix) {
        if (!id.startsWith(prefix)
                || !REST.matcher(id.substring(prefix.length())).matches()) {
            throw new UsageFailure("'%s' (expected: an id such as %s...)".formatted(Terminal.clean(id), prefix));
        }
        return id;
    }
}

package io.taskpilot.agent;

/** Text that a model wrote, made fit for the journal. */
final class ModelText {
    private static final char REPLACEMENT = '\uFFFD';

    private ModelText() {}

    /** Replaces U+0000, which jsonb refuses, and surrogates without a partner, which UTF-8 does not have. */
    static String clean(String text) {
        StringBuilder cleaned = null;
        for (var i = 0; i < text.length(); i++) {
            var c = text.charAt(i);
            var paired = Character.isHighSurrogate(c)
                    ? i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))
                    : i > 0 && Character.isHighSurrogate(text.charAt(i - 1));
            if (c == 0 || (Character.isSurrogate(c) && !paired)) {
                cleaned = cleaned == null ? new StringBuilder(text) : cleaned;
                cleaned.setCharAt(i, REPLACEMENT);
            }
        }
        return cleaned == null ? text : cleaned.toString();
    }

    /** At most {@code chars} UTF-16 units of it, no character cut in two. */
    static String cut(String text, int chars) {
        if (text.length() <= chars) {
            return text;
        }
        return text.substring(0, Character.isHighSurrogate(text.charAt(chars - 1)) ? chars - 1 : chars);
    }
}

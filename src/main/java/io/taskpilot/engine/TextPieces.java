package io.taskpilot.engine;

import io.taskpilot.run.StorableText;
import java.util.ArrayList;
import java.util.List;

/**
 * What a model writes, made the text that the journal will have: its pieces may cut a character in two, and hold what
 * can't be kept. And cut anew, to pieces of a size, no character cut in two. Not thread-safe.
 */
final class TextPieces {
    private String half = "";
    private final StringBuilder gathered = new StringBuilder();

    /** The next characters that are whole, as {@link StorableText#clean} leaves them in the whole text. */
    String whole(String piece) {
        var text = half + piece;
        var cut = text.length() - 1;
        half = cut >= 0 && Character.isHighSurrogate(text.charAt(cut)) ? text.substring(cut) : "";
        return StorableText.clean(text.substring(0, text.length() - half.length()));
    }

    /** The last character, if its other half never came. */
    String end() {
        var rest = StorableText.clean(half);
        half = "";
        return rest;
    }

    /** Puts whole characters together, and takes out the pieces that are full. */
    List<String> gather(String text) {
        gathered.append(text);
        var full = new ArrayList<String>();
        var from = 0;
        while (gathered.length() - from >= AgentDelta.MOST_CHARS) {
            var end = from + AgentDelta.MOST_CHARS;
            end -= Character.isHighSurrogate(gathered.charAt(end - 1)) ? 1 : 0;
            full.add(gathered.substring(from, end));
            from = end;
        }
        gathered.delete(0, from);
        return full;
    }

    /** Takes out what was gathered; empty if nothing was. */
    String flush() {
        var piece = gathered.toString();
        gathered.setLength(0);
        return piece;
    }
}

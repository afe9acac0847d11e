package io.taskpilot.engine;

/**
 * The text of an answer on its way past a rail that sees parts of it. Text leaves once a part has passed that holds it,
 * {@code size} characters before it and {@code size} after it. So of a text of up to {@code size} characters that the rail
 * forbids nothing leaves, and nothing after it: as long as it is not there whole its beginning has not left, and then it
 * is in every part that is judged. Characters are UTF-16 units; no border cuts a pair of them. Not thread-safe.
 */
final class StreamWindow {
    private final int size;
    private final StringBuilder text = new StringBuilder(); // what has not left, and up to size before it
    private int left; // so much of it has
    private int judged; // so much of it was given to the rail

    StreamWindow(int size) {
        this.size = size;
    }

    void add(String more) {
        text.append(more);
    }

    /** How much has not left. */
    int waiting() {
        return text.length() - left;
    }

    /** Whether another look is worth it: half a window would leave. So each character is judged some five times. */
    boolean isDue() {
        return waiting() >= size + size / 2;
    }

    /** What the rail has to judge next. */
    String next() {
        judged = text.length();
        return text.toString();
    }

    /** What may leave, the last {@link #next} having passed. */
    String passed() {
        return leave(border(judged - size));
    }

    /** What is left, all of the answer having passed. */
    String rest() {
        return leave(text.length());
    }

    private String leave(int end) {
        if (end <= left) {
            return "";
        }
        var leaving = text.substring(left, end);
        var gone = border(end - size);
        text.delete(0, gone);
        left = end - gone;
        judged = Math.max(judged - gone, 0);
        return leaving;
    }

    /** The same place, or the one before it where it is inside a pair; 0 for a place before the text. */
    private int border(int at) {
        if (at <= 0) {
            return 0;
        }
        var inside = at < text.length() && Character.isSurrogatePair(text.charAt(at - 1), text.charAt(at));
        return inside ? at - 1 : at;
    }
}

package io.taskpilot.llm;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A request as the offline model reads it: by words. Patterns only ever see a bounded piece of it. */
final class OfflineRequest {
    private static final int READ_CHARS = 2_000;
    private static final int TITLE_CHARS = 200;
    private static final int DESCRIPTION_CHARS = 10_000;

    private static final Pattern HIGH = word("high|highest|urgent|critical|asap|important");
    private static final Pattern LOW = word("low|lowest|minor");
    private static final Pattern UNSURE = word("maybe|perhaps|not sure");
    private static final Pattern HARMFUL = word("illegal|harmful");
    private static final Pattern DELETE = word("delete (?:all|every|everything)|delete(?: \\w+){0,3} tasks?");
    private static final Pattern LIST = word("(?:list|show)(?: \\w+){0,3} tasks");
    private static final Pattern UPDATE = word("update(?: \\w+){0,3} task(?:s|_[0-9a-f-]{36})?");
    private static final Pattern NOTIFY = Pattern.compile("(?i)\\bnotify\\s+([^.!?\\n]+)");

    private static final Pattern QUOTED = Pattern.compile(
            "\"([^\"\\n]{1,500})\"|\u201c([^\u201d\\n]{1,500})\u201d|(?<!\\w)'((?:[^'\\n]|'(?=\\w)){1,500})'(?!\\w)");
    private static final Pattern OPENING = Pattern.compile(
            "(?i)^(?:please |can you |could you |i want you to )*"
                    + "(?:create|add|make|open|file|plan|schedule|set up)\\s+(?:me\\s+)?(?:[\\w,-]+\\s+){0,6}?"
                    + "(?:tasks?|to-?do|ticket|reminder)\\b\\s*(?:(?:to|for|about|called|named|titled|that|which)\\b|[:-])?\\s*");
    private static final Pattern ASIDE = Pattern.compile(
            "(?i)[\\s,;]+(?:and|then|and then|but)\\s+(?:notify|list|show|emit|call|change|keep)\\b.*$");
    private static final Pattern PRIORITY_CLAUSE =
            Pattern.compile("(?i)[\\s,]+(?:with|at|as)\\s+(?:an? )?(?:high|medium|low|urgent|critical)(?: priority)?$");
    private static final Pattern SENTENCE_END = Pattern.compile("[.!?](?=\\s|$)|\\n");

    /** @param destination as configured, or the word after "notify" */
    record Notice(String destination, String message) {}

    private final String text;
    private final String start;
    private final String lower;

    OfflineRequest(String text) {
        this.text = text.strip();
        this.start = cut(this.text, READ_CHARS);
        this.lower = this.text.toLowerCase(Locale.ROOT);
    }

    private static Pattern word(String words) {
        return Pattern.compile("\\b(?:" + words + ")\\b", Pattern.CASE_INSENSITIVE);
    }

    String text() {
        return text;
    }

    /** @param phrase in lower case */
    boolean says(String phrase) {
        return lower.contains(phrase);
    }

    private boolean has(Pattern pattern) {
        return pattern.matcher(start).find();
    }

    boolean isAmbiguous() {
        return lower.indexOf('?') >= 0 || has(UNSURE);
    }

    boolean isHarmful() {
        return has(HARMFUL);
    }

    boolean asksToDelete() {
        return has(DELETE);
    }

    boolean asksToList() {
        return has(LIST);
    }

    boolean asksToUpdate() {
        return has(UPDATE);
    }

    boolean asksToNotify() {
        return has(NOTIFY);
    }

    String priority() {
        return has(HIGH) ? "high" : has(LOW) ? "low" : "medium";
    }

    String description() {
        return cut(text, DESCRIPTION_CHARS);
    }

    /** Never empty, at most 500 characters; says "sensitive" if the request does. */
    String title() {
        var quoted = QUOTED.matcher(start);
        var title = quoted.find() ? group(quoted).strip() : derived();
        title = title.isEmpty() ? "Untitled request" : cut(title, TITLE_CHARS);
        var hidden = says("sensitive") && !title.toLowerCase(Locale.ROOT).contains("sensitive");
        return hidden ? title + " (sensitive)" : title;
    }

    private String derived() {
        var sentence = SENTENCE_END.split(start, 2)[0].strip();
        var rest = OPENING.matcher(sentence).replaceFirst("");
        rest = ASIDE.matcher(rest).replaceFirst("");
        rest = PRIORITY_CLAUSE.matcher(rest).replaceFirst("").strip();
        var title = rest.isEmpty() ? sentence : rest;
        if (title.isEmpty()) {
            return "";
        }
        var first = title.offsetByCodePoints(0, 1);
        return title.substring(0, first).toUpperCase(Locale.ROOT) + title.substring(first);
    }

    private static String group(Matcher matcher) {
        for (var i = 1; i < matcher.groupCount(); i++) {
            if (matcher.group(i) != null) {
                return matcher.group(i);
            }
        }
        return matcher.group(matcher.groupCount());
    }

    /** Whom to notify, and what of. The first destination, when the request names none of them. */
    Notice notice(List<String> destinations, String fallback) {
        var matcher = NOTIFY.matcher(start);
        var clause = matcher.find() ? matcher.group(1).strip() : "";
        var words = clause.split("\\s+", 2);
        var named = destinations.stream()
                .filter(name -> clause.toLowerCase(Locale.ROOT).contains(name.toLowerCase(Locale.ROOT)))
                .findFirst();
        var destination =
                named.orElse(destinations.isEmpty() ? words[0].replaceAll("[,;:]$", "") : destinations.get(0));
        var about = clause.replaceFirst("(?i)^.*?\\b(?:that|about|to|of)\\b\\s*", "");
        return new Notice(destination, about.equals(clause) || about.isBlank() ? fallback : about);
    }

    private static String cut(String text, int chars) {
        if (text.length() <= chars) {
            return text;
        }
        var end = Character.isHighSurrogate(text.charAt(chars - 1)) ? chars - 1 : chars;
        return text.substring(0, end);
    }
}

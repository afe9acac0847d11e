package io.taskpilot.guardrail;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** One pattern of a regex rail, found in a text exactly when Python's {@code re.search} finds it; in linear time. */
final class RailPattern {
    private final Pattern pattern;
    private final Set<String> literals;

    /** @throws IllegalArgumentException with a reason for people */
    RailPattern(String source, boolean caseInsensitive) {
        var parsed = new PatternParser(source);
        literals = caseInsensitive
                ? parsed.literals().stream()
                        .map(literal -> literal.toLowerCase(Locale.ROOT))
                        .collect(Collectors.toUnmodifiableSet())
                : parsed.literals();
        try {
            pattern = Pattern.compile(parsed.translated(), caseInsensitive ? Pattern.CASE_INSENSITIVE : 0);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("RE2/J refuses it: " + e.getDescription(), e);
        }
    }

    /** @param text folded by {@link #folded} if the pattern is case-insensitive */
    boolean isFoundIn(String text) {
        return mayBeIn(text) && pattern.matcher(text).find();
    }

    /** Looking for literals first spares most texts the automaton, which is a hundred times slower. */
    private boolean mayBeIn(String text) {
        if (literals.isEmpty()) {
            return true;
        }
        for (var literal : literals) {
            if (text.contains(literal)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Makes equal what Python's {@code IGNORECASE} takes for equal to an ASCII letter: besides the other case these are
     * U+0130 and U+0131 for i (which RE2/J tells apart), U+017F for s and U+212A for k.
     */
    static String folded(String text) {
        var folded = text.toCharArray();
        for (var i = 0; i < folded.length; i++) {
            folded[i] = folded(folded[i]);
        }
        return new String(folded);
    }

    private static char folded(char c) {
        if (c < 0x80) {
            return c >= 'A' && c <= 'Z' ? (char) (c + 'a' - 'A') : c;
        }
        return switch (c) {
            case '\u0130', '\u0131' -> 'i';
            case '\u017F' -> 's';
            case '\u212A' -> 'k';
            default -> c;
        };
    }
}

package io.taskpilot.guardrail;

import java.util.HashSet;
import java.util.Set;

/**
 * Reads what Python's {@code re} and RE2/J understand alike, and refuses the rest: both would take it, and find
 * different things. On the way it collects the literals without which a text can't match.
 */
final class PatternParser {
    private static final int MAX_REPEAT = 1000;
    private static final int MAX_LITERALS = 64;
    private static final String META = "\\.+*?()|[]{}^$";
    // Punctuation that both engines let a backslash escape.
    private static final String ESCAPABLE = META + "-/\"'#&~@!%,:;<=>_`";

    /**
     * What is known of a part of a pattern.
     *
     * @param literals each text that matches has one of these in it; empty when nothing is known
     * @param assertion matches a place, not a character
     * @param repeats how often something in it is repeated at most
     */
    private record Part(Set<String> literals, boolean assertion, int repeats) {
        static final Part UNKNOWN = new Part(Set.of(), false, 1);
        static final Part PLACE = new Part(Set.of(), true, 1);
    }

    private final String pattern;
    private final StringBuilder translated = new StringBuilder();
    private final Set<String> literals;
    private int repeats = 1;
    private int at;

    /** @throws IllegalArgumentException with a reason for people, when the pattern is outside the common subset */
    PatternParser(String pattern) {
        this.pattern = pattern;
        literals = alternation();
        if (at < pattern.length()) {
            throw refuse("a ) without its (");
        }
    }

    /** The pattern in the words of RE2/J. */
    String translated() {
        return translated.toString();
    }

    /** Each text that matches has one of these in it; empty when nothing is known. */
    Set<String> literals() {
        return literals;
    }

    private Set<String> alternation() {
        var all = new HashSet<String>();
        var known = true;
        while (true) {
            var branch = sequence();
            known &= !branch.isEmpty();
            all.addAll(branch);
            if (!isNext('|')) {
                return known && all.size() <= MAX_LITERALS ? Set.copyOf(all) : Set.of();
            }
            copy();
        }
    }

    private Set<String> sequence() {
        var best = Set.<String>of();
        var run = new StringBuilder();
        while (at < pattern.length() && !isNext('|') && !isNext(')')) {
            var literal = literalAhead();
            var part = atom();
            var minimum = quantifier(part);
            if (literal.isEmpty() || minimum != 1) {
                best = better(best, run);
                run.setLength(0);
            }
            if (!literal.isEmpty() && minimum == 1) {
                run.append(literal);
            } else if (minimum > 0) {
                best = better(best, literal.isEmpty() ? part.literals() : Set.of(literal));
            }
        }
        return better(best, run);
    }

    private static Set<String> better(Set<String> best, StringBuilder run) {
        return better(best, run.isEmpty() ? Set.of() : Set.of(run.toString()));
    }

    /** The set whose shortest literal is longer: it rules more texts out. */
    private static Set<String> better(Set<String> a, Set<String> b) {
        return shortest(b) > shortest(a) ? b : a;
    }

    private static int shortest(Set<String> literals) {
        return literals.stream().mapToInt(String::length).min().orElse(0);
    }

    /** The one character that the next atom stands for, or nothing when it is another kind of atom. */
    private String literalAhead() {
        var c = pattern.charAt(at);
        if (c == '\\' && at + 1 < pattern.length()) {
            return String.valueOf(unescaped(pattern.charAt(at + 1)));
        }
        return META.indexOf(c) < 0 ? String.valueOf(c) : "";
    }

    private Part atom() {
        var c = pattern.charAt(at);
        return switch (c) {
            case '(' -> group();
            case '[' -> {
                characterClass();
                yield Part.UNKNOWN;
            }
            case '\\' -> {
                escape();
                yield Part.UNKNOWN;
            }
            case '.' -> {
                copy();
                yield Part.UNKNOWN;
            }
            case '^' -> {
                copy();
                yield Part.PLACE;
            }
            case '$' -> {
                end();
                yield Part.PLACE;
            }
            case '*', '+', '?' -> throw refuse("a " + c + " with nothing to repeat");
            case '{', '}', ']' -> throw refuse("an unescaped " + c);
            default -> {
                literal();
                yield Part.UNKNOWN;
            }
        };
    }

    private Part group() {
        copy();
        if (isNext('?')) {
            copy();
            if (!isNext(':')) {
                throw refuse("a group that begins with (? and is not (?: (flags, names and look-around differ)");
            }
            copy();
        }
        var outside = repeats;
        repeats = 1;
        var inside = new Part(alternation(), false, repeats);
        repeats = outside;
        if (!isNext(')')) {
            throw refuse("a ( without its )");
        }
        copy();
        return inside;
    }

    /** Python's $ also matches before a line feed that ends the text; RE2/J has no such anchor. */
    private void end() {
        at++;
        var rest = pattern.substring(at);
        if (!rest.chars().allMatch(c -> c == ')')) {
            throw refuse("a $ before the end of the pattern");
        }
        translated.append("(?:\\n?\\z)");
    }

    private void characterClass() {
        copy();
        if (isNext('^')) {
            copy();
        }
        if (isNext(']')) {
            throw refuse("a class that is empty or begins with an unescaped ]");
        }
        while (!isNext(']')) {
            if (at >= pattern.length()) {
                throw refuse("a [ without its ]");
            }
            var from = classMember();
            if (isNext('-') && at + 1 < pattern.length() && pattern.charAt(at + 1) != ']') {
                copy();
                var to = classMember();
                if (to < from) {
                    throw refuse("a range that runs backwards");
                }
            }
        }
        copy();
    }

    private char classMember() {
        var c = pattern.charAt(at);
        if (c == '\\') {
            return escape();
        }
        if (c == '[') {
            throw refuse("an unescaped [ in a class");
        }
        // Python reserves these, doubled, for set operations.
        if ("&|~-".indexOf(c) >= 0 && at + 1 < pattern.length() && pattern.charAt(at + 1) == c) {
            throw refuse("a doubled " + c + " in a class");
        }
        return literal();
    }

    private char literal() {
        var c = pattern.charAt(at);
        if (c > '~' || (c < ' ' && c != '\n' && c != '\t')) {
            throw refuse("a character outside printable ASCII");
        }
        copy();
        return c;
    }

    private char escape() {
        if (at + 1 >= pattern.length()) {
            throw refuse("a \\ at the end");
        }
        var c = pattern.charAt(at + 1);
        if ("nrt".indexOf(c) < 0 && ESCAPABLE.indexOf(c) < 0) {
            throw refuse("\\" + c + " (write an explicit class)");
        }
        copy();
        copy();
        return unescaped(c);
    }

    private static char unescaped(char c) {
        return switch (c) {
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            default -> c;
        };
    }

    /** Returns how often the part is there at least. */
    private int quantifier(Part part) {
        if (!isNext('*') && !isNext('+') && !isNext('?') && !isNext('{')) {
            repeats = Math.max(repeats, part.repeats());
            return 1;
        }
        if (part.assertion()) {
            throw refuse("a repeated anchor");
        }
        var minimum = isNext('+') ? 1 : 0;
        if (isNext('{')) {
            minimum = counted(part);
        } else {
            copy();
            repeats = Math.max(repeats, part.repeats());
        }
        if (isNext('?')) {
            copy(); // lazy: changes what is found, not whether
        }
        if (isNext('*') || isNext('+') || isNext('?') || isNext('{')) {
            throw refuse("a repeat of a repeat");
        }
        // "a+" has the literal "a" at least once, but what follows need not touch it: never part of a run
        return minimum == 0 ? 0 : 2;
    }

    private int counted(Part part) {
        copy();
        var least = number();
        var most = least;
        if (isNext(',')) {
            copy();
            most = isNext('}') ? least : number();
        }
        if (!isNext('}')) {
            throw refuse("an unescaped {");
        }
        copy();
        // RE2/J writes counted repeats out, one inside the other
        var total = Math.max(most, 1) * (long) part.repeats();
        if (most < least || total > MAX_REPEAT) {
            throw refuse("a repeat that runs backwards, or of more than " + MAX_REPEAT + " in all");
        }
        repeats = Math.max(repeats, (int) total);
        return least;
    }

    private int number() {
        var from = at;
        while (at < pattern.length() && pattern.charAt(at) >= '0' && pattern.charAt(at) <= '9' && at - from < 5) {
            copy();
        }
        if (at == from) {
            throw refuse("an unescaped {");
        }
        return Integer.parseInt(pattern.substring(from, at));
    }

    private boolean isNext(char c) {
        return at < pattern.length() && pattern.charAt(at) == c;
    }

    private void copy() {
        translated.append(pattern.charAt(at++));
    }

    private IllegalArgumentException refuse(String what) {
        return new IllegalArgumentException(
                "%s at character %d (expected: what Python's re and RE2/J read alike)".formatted(what, at + 1));
    }
}

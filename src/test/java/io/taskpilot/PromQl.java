package io.taskpilot;

import static java.util.stream.Collectors.toCollection;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What an expression names: by its words, as Prometheus itself says whether it can be parsed. */
public final class PromQl {
    private static final Set<String> WORDS = Set.of(
            "and",
            "or",
            "unless",
            "by",
            "without",
            "on",
            "ignoring",
            "group_left",
            "group_right",
            "offset",
            "bool",
            "inf",
            "nan");
    private static final Pattern STRING = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"");
    private static final Pattern GROUPING =
            Pattern.compile("\\b(by|without|on|ignoring|group_left|group_right)\\s*\\(([^)]*)\\)");
    private static final Pattern NAME = Pattern.compile("(?<![\\w:.$])[a-zA-Z_:][\\w:]*+(?!\\s*\\()");
    private static final Pattern EITHER = Pattern.compile("__name__=~\"(\\w+)\\(_total\\)\\?\"");
    private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(?:=~|!~|!=|=)");

    private PromQl() {}

    /** The names of metrics, as they are written: with {@code _bucket}, {@code _total} and so on. */
    public static Set<String> metrics(String expression) {
        var maybeTotal = EITHER.matcher(expression).results().map(found -> found.group(1));
        var bare = GROUPING.matcher(STRING.matcher(expression).replaceAll("''")).replaceAll(" ");
        var plain = NAME.matcher(bare.replaceAll("\\{[^}]*}", " ").replaceAll("\\[[^]]*]", " "))
                .results()
                .map(MatchResult::group)
                .filter(name -> !WORDS.contains(name));
        return Stream.concat(maybeTotal, plain).collect(toCollection(TreeSet::new));
    }

    /** The labels that are matched, or by which is grouped. */
    static Set<String> labels(String expression) {
        var bare = STRING.matcher(expression).replaceAll("''");
        var grouped = GROUPING.matcher(bare)
                .results()
                .flatMap(found -> Stream.of(found.group(2).split(",", -1)));
        var matched = Pattern.compile("\\{([^}]*)}")
                .matcher(bare)
                .results()
                .flatMap(braces -> MATCHER.matcher(braces.group(1)).results())
                .map(found -> found.group(1));
        return Stream.concat(grouped, matched)
                .map(String::strip)
                .filter(label -> !label.isEmpty())
                .collect(toCollection(TreeSet::new));
    }

    /** The blocks of queries in a page, each line by itself. */
    public static List<String> inPage(String markdown) {
        return Pattern.compile("(?ms)^```promql\\n(.*?)^```")
                .matcher(markdown)
                .results()
                .flatMap(block -> block.group(1).lines())
                .filter(line -> !line.isBlank())
                .toList();
    }
}

package io.taskpilot.telemetry;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What {@code /metrics} answered, taken apart: Prometheus text 0.0.4 or OpenMetrics 1.0. Strict: a line that is neither
 * throws.
 */
public final class Scrape {
    private static final List<String> SUFFIXES = List.of("_bucket", "_count", "_sum", "_total", "_info", "");

    /**
     * A line with a value.
     *
     * @param exemplar its labels; empty without one
     */
    public record Series(String name, Map<String, String> labels, double value, Map<String, String> exemplar) {}

    /** What the comments say of a metric, and its series. */
    public record Family(String name, String type, String help, List<Series> series) {
        private Family as(String otherType, String otherHelp) {
            return new Family(name, otherType, otherHelp, series);
        }

        /** The names of the labels of its series, without those of buckets and quantiles. */
        public Set<String> labels() {
            var names = new TreeSet<String>();
            series.forEach(one -> names.addAll(one.labels().keySet()));
            names.removeAll(Set.of("le", "quantile"));
            return names;
        }
    }

    private final Map<String, Family> nameToFamily = new LinkedHashMap<>();
    private boolean ended;

    private Scrape() {}

    public static Scrape parse(String text) {
        var scrape = new Scrape();
        text.lines().forEach(scrape::line);
        return scrape;
    }

    private void line(String line) {
        if (ended) {
            throw new IllegalArgumentException("after the end: " + line);
        } else if (line.equals("# EOF")) {
            ended = true;
        } else if (line.startsWith("# ")) {
            comment(line.split(" ", 4));
        } else {
            var series = new Line(line).series();
            family(series.name()).series().add(series);
        }
    }

    private void comment(String[] words) {
        var told = words.length < 4 ? "" : words[3];
        var family = nameToFamily.computeIfAbsent(words[2], name -> new Family(name, "", "", new ArrayList<>()));
        switch (words[1]) {
            case "HELP" -> nameToFamily.put(words[2], family.as(family.type, told));
            case "TYPE" -> nameToFamily.put(words[2], family.as(told, family.help));
            case "UNIT" -> {}
            default -> throw new IllegalArgumentException(String.join(" ", words));
        }
    }

    private Family family(String series) {
        for (var suffix : SUFFIXES) {
            var family = series.endsWith(suffix)
                    ? nameToFamily.get(series.substring(0, series.length() - suffix.length()))
                    : null;
            if (family != null) {
                return family;
            }
        }
        throw new IllegalArgumentException("no TYPE before " + series);
    }

    /** True for OpenMetrics: it says where it ends. */
    public boolean isEnded() {
        return ended;
    }

    /** By the names that documents use: that of a counter ends in {@code _total}, that of a histogram has no suffix. */
    public Map<String, Family> families() {
        var byName = new LinkedHashMap<String, Family>();
        for (var family : nameToFamily.values()) {
            byName.put(documented(family), family);
        }
        return byName;
    }

    /** The most of a histogram is a gauge of its own, and goes with it. */
    private String documented(Family family) {
        var name = family.name();
        var base = name.endsWith("_max") ? nameToFamily.get(name.substring(0, name.length() - "_max".length())) : null;
        if (base != null && Set.of("histogram", "summary").contains(base.type())) {
            return base.name();
        } else if (family.type().equals("counter") && !name.endsWith("_total")) {
            return name + "_total";
        }
        return family.type().equals("info") && !name.endsWith("_info") ? name + "_info" : name;
    }

    public Stream<Series> series() {
        return nameToFamily.values().stream().flatMap(family -> family.series().stream());
    }

    /** Of all series of the name with the labels; each in turn is a name and a value. */
    public double sum(String name, String... labels) {
        return series().filter(one -> one.name().equals(name) && has(one, labels))
                .mapToDouble(Series::value)
                .sum();
    }

    private static boolean has(Series series, String... labels) {
        for (var i = 0; i < labels.length; i += 2) {
            if (!labels[i + 1].equals(series.labels().getOrDefault(labels[i], ""))) {
                return false;
            }
        }
        return true;
    }

    /** How many series there are of each family, for comparing. */
    public Map<String, Long> sizes() {
        return series().collect(Collectors.groupingBy(Series::name, Collectors.counting()));
    }

    /** One line, read from left to right. */
    private static final class Line {
        private final String text;
        private int at;

        Line(String text) {
            this.text = text;
        }

        Series series() {
            var name = word("{ ");
            var labels = text.charAt(at) == '{' ? labels() : Map.<String, String>of();
            skip(' ');
            var value = number(word(" "));
            var exemplar = Map.<String, String>of();
            if (at < text.length() && text.startsWith(" # ", at)) {
                at += 3;
                exemplar = labels();
                at = text.length();
            }
            if (at < text.length()) {
                throw new IllegalArgumentException(text);
            }
            return new Series(name, labels, value, exemplar);
        }

        private static double number(String word) {
            return switch (word) {
                case "+Inf" -> Double.POSITIVE_INFINITY;
                case "-Inf" -> Double.NEGATIVE_INFINITY;
                default -> Double.parseDouble(word);
            };
        }

        private String word(String ends) {
            var from = at;
            while (at < text.length() && ends.indexOf(text.charAt(at)) < 0) {
                at++;
            }
            return text.substring(from, at);
        }

        private void skip(char expected) {
            if (text.charAt(at++) != expected) {
                throw new IllegalArgumentException(text);
            }
        }

        private Map<String, String> labels() {
            var labels = new LinkedHashMap<String, String>();
            skip('{');
            while (text.charAt(at) != '}') {
                var name = word("=");
                skip('=');
                labels.put(name, quoted());
                if (text.charAt(at) == ',') {
                    at++;
                }
            }
            skip('}');
            return labels;
        }

        private String quoted() {
            skip('"');
            var value = new StringBuilder();
            while (text.charAt(at) != '"') {
                var next = text.charAt(at++);
                if (next == '\\') {
                    next = text.charAt(at++);
                    next = next == 'n' ? '\n' : next;
                }
                value.append(next);
            }
            skip('"');
            return value.toString();
        }
    }
}

package io.taskpilot.app;

import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The spans of one trace, as a tree. */
record SeenTrace(List<SeenSpan> spans) {

    /** A line for each span, indented below its parent, in the order in which they began: {@code name KIND}. */
    String tree() {
        return treeBelow("");
    }

    /** The same of what is below a span, which may be somebody else's. */
    String treeBelow(String spanId) {
        return below(spanId, 0);
    }

    private String below(String parent, int depth) {
        var text = new StringBuilder();
        for (var span : children(parent)) {
            text.append("  ".repeat(depth))
                    .append(span.name())
                    .append(' ')
                    .append(span.kind())
                    .append('\n');
            text.append(below(span.spanId(), depth + 1));
        }
        return text.toString();
    }

    List<SeenSpan> children(String parent) {
        return spans.stream()
                .filter(span -> span.parentId().equals(parent))
                .sorted(Comparator.comparing(SeenSpan::start))
                .toList();
    }

    SeenSpan one(String name) {
        var found = all(name);
        if (found.size() != 1) {
            throw new AssertionError("%d spans are named %s in\n%s".formatted(found.size(), name, tree()));
        }
        return found.get(0);
    }

    List<SeenSpan> all(String name) {
        return spans.stream()
                .filter(span -> span.name().equals(name))
                .sorted(Comparator.comparing(SeenSpan::start))
                .toList();
    }

    boolean has(String name) {
        return !all(name).isEmpty();
    }

    /**
     * Those whose parent never came, and is not outside of what was traced.
     *
     * @param outside a span of the caller's
     */
    List<SeenSpan> orphans(String outside) {
        var known = spans.stream().map(SeenSpan::spanId).collect(Collectors.toSet());
        return spans.stream()
                .filter(span -> !span.parentId().isEmpty() && !span.parentId().equals(outside))
                .filter(span -> !known.contains(span.parentId()))
                .toList();
    }

    Set<String> nodes() {
        return spans.stream().map(SeenSpan::node).collect(Collectors.toSet());
    }
}

package io.taskpilot.telemetry;

import java.util.Collection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The values that one label has taken in this process. Thread-safe. */
final class BoundedLabel {
    private static final int LONGEST = 100;

    private final Set<String> values = ConcurrentHashMap.newKeySet();
    private final Label label;

    BoundedLabel(Label label) {
        this.label = label;
        values.addAll(label.values());
    }

    /** Takes what the configuration names, as far as there is room. */
    void allow(Collection<String> named) {
        named.forEach(this::add);
    }

    /** The word itself, or {@link Label#OTHER}. */
    String value(String word) {
        if (values.contains(word)) {
            return word;
        }
        return label.source() == Label.Source.LEARNED && add(word) ? word : Label.OTHER;
    }

    /** Two that come at once may pass the bound by one. */
    private boolean add(String word) {
        if (values.size() >= label.most() || word.length() > LONGEST) {
            return false;
        }
        values.add(word);
        return true;
    }
}

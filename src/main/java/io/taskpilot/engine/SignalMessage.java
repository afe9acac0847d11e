package io.taskpilot.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What one node tells the others: {@code 1 <sender> <kind> <run id>...}, in ASCII, one space between words. Ids only:
 * what happened stands in the journal.
 *
 * @param sender tells a node's own messages from others'
 */
record SignalMessage(String sender, Kind kind, List<UUID> runIds) {
    /** A text stays under the 8,000 bytes of a notification of PostgreSQL. */
    static final int MOST_IDS = 200;

    private static final String VERSION = "1"; // others are a later release's: nodes of both run side by side
    private static final Pattern FORM = Pattern.compile(
            VERSION + " ([0-9a-f]{16}) ([a-z]+)((?: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}){0," + MOST_IDS + "})");

    enum Kind {
        CHANGED("changed", 1, MOST_IDS),
        CLAIMABLE("claimable", 0, 0),
        CANCEL("cancel", 1, 1),
        /** To its own sender: what was said was heard. */
        ECHO("echo", 0, 0);

        private final String word;
        private final int fewest;
        private final int most;

        Kind(String word, int fewest, int most) {
            this.word = word;
            this.fewest = fewest;
            this.most = most;
        }

        private boolean takes(int ids) {
            return ids >= fewest && ids <= most;
        }
    }

    SignalMessage {
        runIds = List.copyOf(runIds);
        if (!kind.takes(runIds.size())) {
            throw new IllegalArgumentException("%s with %d ids".formatted(kind, runIds.size()));
        }
    }

    String text() {
        return Stream.concat(
                        Stream.of(VERSION, sender, kind.word), runIds.stream().map(UUID::toString))
                .collect(Collectors.joining(" "));
    }

    /** Empty for whatever {@link #text} does not write. */
    static Optional<SignalMessage> parse(String text) {
        var form = FORM.matcher(text);
        if (!form.matches()) {
            return Optional.empty();
        }
        var ids = new ArrayList<UUID>();
        for (var id : form.group(3).split(" ", -1)) {
            if (!id.isEmpty()) {
                ids.add(UUID.fromString(id));
            }
        }
        return Arrays.stream(Kind.values())
                .filter(kind -> kind.word.equals(form.group(2)) && kind.takes(ids.size()))
                .findFirst()
                .map(kind -> new SignalMessage(form.group(1), kind, ids));
    }
}

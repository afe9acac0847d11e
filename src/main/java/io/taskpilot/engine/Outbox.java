package io.taskpilot.engine;

import io.taskpilot.engine.SignalMessage.Kind;
import io.taskpilot.engine.SignalTransport.Post;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongSupplier;

/**
 * What the other nodes have yet to be told; each thing once, however often it happened. Live text goes out before what
 * was signalled with it, so that it comes before the event that ends it. Not thread-safe.
 */
final class Outbox {
    static final int ROOM = 10_000;
    private static final int BATCH = 1_000;
    static final int TEXT_ROOM = 1_000; // some 3 MiB
    private static final int TEXT_BATCH = 500;
    private static final Duration UNHEARD = Duration.ofMillis(500);

    private final String sender;
    private final SignalChannels names;
    private final Set<UUID> changed = new LinkedHashSet<>();
    private final Set<UUID> cancelled = new LinkedHashSet<>();
    private final Queue<AgentDelta> said = new ArrayDeque<>();
    private final Map<String, Long> textToUnheard = new HashMap<>(); // since when, in nanoseconds
    private final LongSupplier nanoTime;
    private boolean claimable;

    Outbox(String sender, SignalChannels names, LongSupplier nanoTime) {
        this.sender = sender;
        this.names = names;
        this.nanoTime = nanoTime;
    }

    /** @return how many had no room */
    int changed(Collection<UUID> runIds) {
        return add(changed, runIds);
    }

    /** @return how many had no room */
    int cancelled(UUID runId) {
        return add(cancelled, List.of(runId));
    }

    /**
     * The beginning of an answer always goes out; what follows does while somebody listens.
     *
     * @return how much had no room
     */
    int said(AgentDelta delta) {
        var since = textToUnheard.get(names.ofText(delta.runId()));
        if (delta.offset() > 0 && since != null && nanoTime.getAsLong() - since < UNHEARD.toNanos()) {
            return 0;
        }
        return said.size() < TEXT_ROOM && said.add(delta) ? 0 : 1;
    }

    /** @param heard by how many links each post was, as {@link SignalTransport.Link#post} tells */
    void posted(List<Post> posts, List<Integer> heard) {
        for (var i = 0; i < heard.size(); i++) {
            var channel = posts.get(i).channel();
            if (heard.get(i) > 0) {
                textToUnheard.remove(channel);
            } else if (names.isText(channel)) {
                textToUnheard.put(channel, nanoTime.getAsLong());
            }
        }
    }

    /** Text that could not go out at once is of no use any more. */
    int forgetText() {
        var forgotten = said.size();
        said.clear();
        return forgotten;
    }

    private static int add(Set<UUID> waiting, Collection<UUID> runIds) {
        var dropped = 0;
        for (var runId : runIds) {
            if (waiting.size() < ROOM) {
                waiting.add(runId);
            } else if (!waiting.contains(runId)) {
                dropped++;
            }
        }
        return dropped;
    }

    void claimable() {
        claimable = true;
    }

    boolean isEmpty() {
        return changed.isEmpty() && cancelled.isEmpty() && said.isEmpty() && !claimable;
    }

    /** Takes out what goes together: the oldest 1,000 of each kind, of text 500. */
    List<Post> take() {
        var posts = new ArrayList<Post>();
        for (var i = 0; i < TEXT_BATCH && !said.isEmpty(); i++) {
            var delta = said.remove();
            posts.add(new Post(names.ofText(delta.runId()), new TextMessage(sender, delta).text()));
        }
        for (var runId : oldest(cancelled)) {
            posts.add(post(names.everybody(), Kind.CANCEL, List.of(runId)));
        }
        if (claimable) {
            claimable = false;
            posts.add(post(names.everybody(), Kind.CLAIMABLE, List.of()));
        }
        var channelToIds = new HashMap<String, List<UUID>>();
        for (var runId : oldest(changed)) {
            channelToIds
                    .computeIfAbsent(names.of(runId), channel -> new ArrayList<>())
                    .add(runId);
        }
        channelToIds.forEach((channel, ids) -> {
            for (var at = 0; at < ids.size(); at += SignalMessage.MOST_IDS) {
                var end = Math.min(ids.size(), at + SignalMessage.MOST_IDS);
                posts.add(post(channel, Kind.CHANGED, ids.subList(at, end)));
            }
        });
        return posts;
    }

    private static List<UUID> oldest(Set<UUID> waiting) {
        var taken = new ArrayList<UUID>();
        for (Iterator<UUID> left = waiting.iterator(); left.hasNext() && taken.size() < BATCH; left.remove()) {
            taken.add(left.next());
        }
        return taken;
    }

    private Post post(String channel, Kind kind, List<UUID> runIds) {
        return new Post(channel, new SignalMessage(sender, kind, runIds).text());
    }
}

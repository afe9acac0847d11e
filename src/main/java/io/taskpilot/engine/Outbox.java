package io.taskpilot.engine;

import io.taskpilot.engine.SignalMessage.Kind;
import io.taskpilot.engine.SignalTransport.Post;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** What the other nodes have yet to be told; each thing once, however often it happened. Not thread-safe. */
final class Outbox {
    static final int ROOM = 10_000;
    private static final int BATCH = 1_000;

    private final String sender;
    private final SignalChannels names;
    private final Set<UUID> changed = new LinkedHashSet<>();
    private final Set<UUID> cancelled = new LinkedHashSet<>();
    private boolean claimable;

    Outbox(String sender, SignalChannels names) {
        this.sender = sender;
        this.names = names;
    }

    /** @return how many had no room */
    int changed(Collection<UUID> runIds) {
        return add(changed, runIds);
    }

    /** @return how many had no room */
    int cancelled(UUID runId) {
        return add(cancelled, List.of(runId));
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
        return changed.isEmpty() && cancelled.isEmpty() && !claimable;
    }

    /** Takes out what goes together: the oldest 1,000 of each kind. */
    List<Post> take() {
        var posts = new ArrayList<Post>();
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

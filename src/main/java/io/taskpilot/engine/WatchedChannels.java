package io.taskpilot.engine;

import io.taskpilot.engine.SignalTransport.Link;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The channels that somebody on this node listens to, over whichever link there is. Belongs to one context. */
final class WatchedChannels {
    private static final class Channel {
        private int watches;
        private Promise<Void> confirmed = Promise.promise();
    }

    private final Map<String, Channel> nameToChannel = new HashMap<>();

    /**
     * Completes once the channel is heard; at once without a link.
     *
     * @param lost told when the link turns out to be broken
     */
    Future<Void> join(String name, @Nullable Link link, Consumer<Throwable> lost) {
        var channel = nameToChannel.get(name);
        if (channel == null) {
            channel = new Channel();
            nameToChannel.put(name, channel);
            if (link != null) {
                subscribe(link, name, channel, lost);
            }
        }
        channel.watches++;
        return link == null ? Future.succeededFuture() : channel.confirmed.future();
    }

    /** The channel stays for a while: the next watch is likely to want it. */
    void leave(String name) {
        var channel = nameToChannel.get(name);
        if (channel != null) {
            channel.watches--;
        }
    }

    /** Has a new link listen to all of them. */
    List<Future<Void>> subscribe(Link link, Consumer<Throwable> lost) {
        nameToChannel.values().removeIf(channel -> channel.watches == 0);
        return nameToChannel.entrySet().stream()
                .map(entry -> {
                    entry.getValue().confirmed = Promise.promise();
                    return subscribe(link, entry.getKey(), entry.getValue(), lost);
                })
                .toList();
    }

    private static Future<Void> subscribe(Link link, String name, Channel channel, Consumer<Throwable> lost) {
        return link.subscribe(name)
                .onSuccess(unused -> channel.confirmed.tryComplete())
                .onFailure(lost::accept);
    }

    void forgetUnwatched(Link link, Consumer<Throwable> lost) {
        nameToChannel.entrySet().removeIf(entry -> {
            var unwatched = entry.getValue().watches == 0;
            if (unwatched) {
                link.unsubscribe(entry.getKey()).onFailure(lost::accept);
            }
            return unwatched;
        });
    }

    /** The link is gone: nobody waits for it. */
    void giveUp() {
        nameToChannel.values().forEach(channel -> channel.confirmed.tryComplete());
    }
}

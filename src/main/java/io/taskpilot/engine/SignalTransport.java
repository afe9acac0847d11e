package io.taskpilot.engine;

import io.vertx.core.Future;
import java.util.List;
import java.util.function.Consumer;

/** Carries short texts between nodes. It may lose some, and need not say so. */
public interface SignalTransport {

    /** Over how many channels changes of runs are spread: the same on every node. */
    int channels();

    /** Whether it is made for more than ids: live text crosses nodes by such a transport, or not at all. */
    boolean carriesText();

    /**
     * A new link, on connections of its own. Fails within 5 s when there is nobody to talk to.
     *
     * @param heard told of every text on a channel subscribed to, this link's own included; on any thread
     * @param ended told when the link broke; may be told more than once, on any thread
     */
    Future<Link> open(Consumer<String> heard, Runnable ended);

    /** @param text of at most 7,900 bytes */
    record Post(String channel, String text) {}

    /** Futures complete on the caller's context, and may never complete while the other side is silent. */
    interface Link {
        /** Completes once everything posted to the channel from now on is heard. */
        Future<Void> subscribe(String channel);

        Future<Void> unsubscribe(String channel);

        /** Gives how many links heard each, in the order of {@code posts}; nothing where the transport can't tell. */
        Future<List<Integer>> post(List<Post> posts);

        /** What is under way fails. Idempotent. */
        void close();
    }
}

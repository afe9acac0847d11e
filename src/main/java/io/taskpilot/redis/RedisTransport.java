package io.taskpilot.redis;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.SignalTransport;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.NetClientOptions;
import io.vertx.redis.client.Command;
import io.vertx.redis.client.Redis;
import io.vertx.redis.client.RedisConnection;
import io.vertx.redis.client.RedisOptions;
import io.vertx.redis.client.Request;
import io.vertx.redis.client.Response;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries signals by Redis pub/sub: one connection listens, one publishes, as a listening one of RESP2 may do nothing
 * else. Stores nothing, so that there is nothing to lose.
 */
public final class RedisTransport implements SignalTransport {
    private static final Logger log = LoggerFactory.getLogger(RedisTransport.class);
    private static final int CHANNELS = 64;
    private static final int OPEN_MILLIS = 3_000;

    private final Vertx vertx;
    private final Secret url;

    /** @throws IllegalArgumentException that says what is wrong with the URL, and never the password */
    public RedisTransport(Vertx vertx, Secret url) {
        this.vertx = vertx;
        this.url = url;
        check(url);
    }

    private static void check(Secret url) {
        var form = "(expected: redis://user:password@host:port/database)";
        try {
            var uri = URI.create(url.value());
            if (uri.getHost() == null || !uri.getPath().matches("(/[0-9]{0,4})?")) {
                throw new IllegalArgumentException("the host is missing, or the database is no number " + form);
            }
        } catch (IllegalArgumentException e) {
            var quotes = e.getCause() != null; // the parser's message quotes the input
            throw quotes ? new IllegalArgumentException("not a URL " + form) : e;
        }
    }

    @Override
    public int channels() {
        return CHANNELS;
    }

    @Override
    public boolean carriesText() {
        return true;
    }

    /** The client is the link's own: closing it closes connections that are still being made, too. */
    @Override
    public Future<Link> open(Consumer<String> heard, Runnable ended) {
        var client = Redis.createClient(vertx, options());
        var listening = connected(client);
        var publishing = connected(client);
        return Future.all(listening, publishing)
                .<Link>map(both -> new RedisLink(client, listening.result(), publishing.result(), heard, ended))
                .onFailure(unused -> closed(client));
    }

    private static Future<RedisConnection> connected(Redis client) {
        return client.connect().timeout(OPEN_MILLIS, TimeUnit.MILLISECONDS);
    }

    private RedisOptions options() {
        var net = new NetClientOptions()
                .setConnectTimeout(OPEN_MILLIS)
                .setTcpNoDelay(true)
                .setTcpKeepAlive(true);
        if (url.value().startsWith("rediss:")) {
            net.setSsl(true).setHostnameVerificationAlgorithm("HTTPS");
        }
        return new RedisOptions()
                .setConnectionString(url.value())
                .setNetClientOptions(net)
                .setPoolName("redis") // else each link has a name, and metrics, of its own
                .setPoolCleanerInterval(-1)
                .setPoolRecycleTimeout(-1);
    }

    private static void closed(Redis client) {
        client.close().onFailure(cause -> log.debug("redis client did not close", cause));
    }

    /** Belongs to the context that opened it, as its connections do. */
    private static final class RedisLink implements Link {
        private final Redis client;
        private final RedisConnection listening;
        private final RedisConnection publishing;
        private final Consumer<String> heard;
        private final Map<String, Queue<Promise<Void>>> channelToWaiting = new HashMap<>();

        RedisLink(
                Redis client,
                RedisConnection listening,
                RedisConnection publishing,
                Consumer<String> heard,
                Runnable ended) {
            this.client = client;
            this.listening = listening;
            this.publishing = publishing;
            this.heard = heard;
            listening.handler(this::pushed);
            for (var connection : List.of(listening, publishing)) {
                connection.endHandler(unused -> ended.run());
                connection.exceptionHandler(cause -> ended.run());
            }
        }

        /** {@code message}, or the answer to a subscription; see https://redis.io/docs/latest/develop/pubsub. */
        private void pushed(Response push) {
            var channel = push.get(1).toString();
            switch (push.get(0).toString()) {
                case "message" -> heard.accept(push.get(2).toString());
                case "subscribe" -> {
                    var waiting = channelToWaiting.getOrDefault(channel, new ArrayDeque<>());
                    var oldest = waiting.poll();
                    if (waiting.isEmpty()) {
                        channelToWaiting.remove(channel);
                    }
                    if (oldest != null) {
                        oldest.tryComplete();
                    }
                }
                default -> log.trace("pushed channel={}", channel);
            }
        }

        @Override
        public Future<Void> subscribe(String channel) {
            var answer = Promise.<Void>promise();
            channelToWaiting
                    .computeIfAbsent(channel, unused -> new ArrayDeque<>())
                    .add(answer);
            listening
                    .send(Request.cmd(Command.SUBSCRIBE).arg(channel)) // completes when it is sent
                    .onFailure(answer::tryFail);
            return answer.future();
        }

        @Override
        public Future<Void> unsubscribe(String channel) {
            return listening.send(Request.cmd(Command.UNSUBSCRIBE).arg(channel)).mapEmpty();
        }

        @Override
        public Future<List<Integer>> post(List<Post> posts) {
            var publish = posts.stream()
                    .map(post ->
                            Request.cmd(Command.PUBLISH).arg(post.channel()).arg(post.text()))
                    .toList();
            return publishing
                    .batch(publish)
                    .map(heard -> heard.stream().map(Response::toInteger).toList());
        }

        @Override
        public void close() {
            closed(client);
        }
    }
}

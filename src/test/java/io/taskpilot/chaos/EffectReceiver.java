package io.taskpilot.chaos;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.journal.PostgresProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Where the webhooks arrive. It looks into the journal over a connection of its own at the moment of receipt, before it
 * answers: what is not there by then came too early. Each node has a path of its own, so that the sender shows.
 */
final class EffectReceiver implements AutoCloseable {
    private static final String ALLOWED = """
            select r.owner, r.status,
              exists (select 1 from decisions d where d.chain_id = r.id and d.tool = 'notify_external_system'
                and d.decision_type = 'tool_call' and d.result = 'allow') as decided,
              exists (select 1 from events e where e.run_id = r.id and e.type = 'tool.started'
                and e.data ->> 'tool' = 'notify_external_system') as started
            from runs r where r.id = ?
            """;

    /** @param idempotent whether the destination promised to drop repeats */
    record Effect(String node, boolean idempotent, String webhookId, UUID runId) {}

    private final PostgresProcess postgres;
    private final Map<String, Node> nodes = new ConcurrentHashMap<>();
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Effect> effects = new CopyOnWriteArrayList<>();
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final AtomicInteger unseen = new AtomicInteger();
    private final Random random;

    EffectReceiver(PostgresProcess postgres, long seed) throws IOException {
        this.postgres = postgres;
        this.random = new Random(seed);
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::receive);
        server.start();
    }

    /** @param destination {@code once}, or {@code repeatable} */
    String url(String node, String destination) {
        return "http://127.0.0.1:%d/%s/%s".formatted(server.getAddress().getPort(), node, destination);
    }

    void expect(Collection<Node> senders) {
        senders.forEach(node -> nodes.put(node.name(), node));
    }

    private void receive(HttpExchange exchange) throws IOException {
        var path = exchange.getRequestURI().getPath().split("/", -1);
        var body = Http.JSON.readTree(exchange.getRequestBody().readAllBytes());
        var runId = UUID.fromString(body.path("run_id").asText().replace("run_", ""));
        var webhookId = exchange.getRequestHeaders().getFirst("webhook-id");
        var effect = new Effect(path[1], path[2].equals("repeatable"), webhookId, runId);
        effects.add(effect);
        look(effect);
        answer(exchange);
    }

    private void look(Effect effect) {
        try (var connection = postgres.connect();
                var query = connection.prepareStatement(ALLOWED)) {
            query.setObject(1, effect.runId());
            try (var row = query.executeQuery()) {
                if (!row.next()) {
                    violations.add("effect of a run that is not on record: " + effect);
                    return;
                }
                if (!row.getBoolean("decided") || !row.getBoolean("started")) {
                    violations.add("effect before its decision was committed: " + effect);
                }
                judgeSender(effect, row.getObject("owner", UUID.class), row.getString("status"));
            }
        } catch (SQLException away) {
            unseen.incrementAndGet(); // judged by the journal alone, at the end
        }
    }

    /** A run that a living node was given later than this effect was sent is the sender's no more. */
    private void judgeSender(Effect effect, @Nullable UUID owner, String status) {
        var sender = nodes.get(effect.node());
        if (owner != null && sender != null && !sender.was(owner) && status.equals("running")) {
            violations.add("effect from a node that had lost the run to %s: %s".formatted(owner, effect));
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        var chance = chance();
        if (chance < 10) {
            exchange.close(); // no answer: the sender cannot know
            return;
        }
        if (chance < 25) {
            pause(chance < 15 ? 3_500 : 800); // the first is later than the sender waits
        }
        exchange.sendResponseHeaders(204, -1);
        exchange.close();
    }

    private synchronized int chance() {
        return random.nextInt(100);
    }

    private static void pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // it is being closed
        }
    }

    List<Effect> effects() {
        return List.copyOf(effects);
    }

    boolean received(String runId) {
        var id = Invariants.uuid(runId);
        return effects.stream().anyMatch(effect -> effect.runId().equals(id));
    }

    /** Effects that arrived while the database was away. */
    int unseen() {
        return unseen.get();
    }

    /** What came too early, or from a node that had no right to. */
    List<String> violations() {
        return new ArrayList<>(violations);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}

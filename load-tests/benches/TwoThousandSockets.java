import io.taskpilot.journal.LocalPostgres;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.WebSocket;
import io.vertx.core.http.WebSocketClient;
import io.vertx.core.http.WebSocketClientOptions;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * Many WebSockets with some runs each, over two nodes on one PostgreSQL, all started by this program. Every other run is
 * followed on the node that does not own it, too. What is refused for now, a submission with its key or a
 * subscription from where it had got to, is asked for again when the node says, and counted. Fails unless every watcher sees every event once and in order, every submission becomes
 * one run, and each node's heap afterwards is within 50 MiB of before. The jar brings the libraries this needs:
 *
 * <pre>
 *   mvn -Pquick package
 *   java -cp target/taskpilot.jar load-tests/benches/TwoThousandSockets.java 2000 5
 * </pre>
 */
public final class TwoThousandSockets {
    private static final Path JAR = Path.of("target/taskpilot.jar");
    private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
    private static final Path JCMD = JAVA.resolveSibling("jcmd");
    private static final long HEAP_GROWTH = 50 << 20;
    private static final int CONNECTING = 50;
    private static final long MINUTES = 20;
    private static final Pattern HEAP = Pattern.compile("garbage-first heap .*used (\\d+)K");

    /** A server process. */
    private record Node(Process process, URI url) {
        /** Bytes in use after a collection. */
        double heap() throws Exception {
            jcmd("GC.run");
            var used = HEAP.matcher(jcmd("GC.heap_info"));
            if (!used.find()) {
                throw new IllegalStateException("not the heap of G1");
            }
            return Double.parseDouble(used.group(1)) * 1024;
        }

        private String jcmd(String command) throws Exception {
            var jcmd = new ProcessBuilder(JCMD.toString(), String.valueOf(process.pid()), command).start();
            var said = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            jcmd.waitFor();
            return said;
        }
    }

    /** Somebody who follows a run. */
    private static final class Watcher {
        private String runId = "";
        private long seq;
        private boolean ended;
    }

    private final Vertx vertx = Vertx.vertx();
    private final WebSocketClient client =
            vertx.createWebSocketClient(new WebSocketClientOptions().setMaxConnections(100_000));
    private final List<Node> nodes;
    private final List<String> faults = new ArrayList<>();
    private long events;
    private int refused;
    private String round = "";
    private int expected;
    private int ended;
    private Promise<Void> done = Promise.promise();

    private TwoThousandSockets(List<Node> nodes) {
        this.nodes = nodes;
    }

    public static void main(String[] args) throws Exception {
        var sockets = args.length > 0 ? Integer.parseInt(args[0]) : 2000;
        var runs = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        var directory = Files.createTempDirectory("two-thousand-sockets");
        var nodes = new ArrayList<Node>();
        boolean passed;
        try (var postgres = LocalPostgres.start(directory.resolve("postgres"))) {
            try {
                for (var name : List.of("a", "b")) {
                    nodes.add(start(
                            directory.resolve(name), postgres.address().url().value()));
                }
                passed = new TwoThousandSockets(nodes).measure(sockets, runs);
            } finally {
                for (var node : nodes) {
                    node.process().destroy();
                    node.process().waitFor(60, TimeUnit.SECONDS);
                }
            }
        }
        delete(directory);
        System.exit(passed ? 0 : 1);
    }

    private static Node start(Path dataDir, String postgres) throws Exception {
        var builder = new ProcessBuilder(JAVA.toString(), "-XX:+UseG1GC", "-jar", JAR.toString(), "serve");
        builder.environment()
                .putAll(Map.of(
                        "TASKPILOT_DATA_DIR", dataDir.toString(),
                        "TASKPILOT_POSTGRES_URL", postgres,
                        "TASKPILOT_HTTP_PORT", "0",
                        "TASKPILOT_HTTP_MANAGEMENT_PORT", "0",
                        "TASKPILOT_LLM_OFFLINE_LATENCY", "100ms",
                        "TASKPILOT_LIMITS_RUNS", "20000",
                        "TASKPILOT_LIMITS_RUNS_PER_KEY", "100000",
                        "TASKPILOT_DRAIN_ACCEPT", "0s",
                        "LOG_LEVEL", "warn"));
        Files.createDirectories(dataDir);
        var log = dataDir.resolveSibling(dataDir.getFileName() + ".log").toFile();
        var process = builder.redirectErrorStream(true).redirectOutput(log).start();
        var record = dataDir.resolve("server.json");
        while (process.isAlive()) {
            if (Files.exists(record)) {
                var server = new JsonObject(Files.readString(record));
                return new Node(process, URI.create(server.getString("url")));
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
        throw new IllegalStateException(Files.readString(log.toPath()));
    }

    private boolean measure(int sockets, int runs) throws Exception {
        round(Math.min(sockets, 20), runs); // not measured: classes, pools and the JIT take their places
        var before = heaps();
        var began = System.nanoTime();
        var events = round(sockets, runs);
        var seconds = (System.nanoTime() - began) / 1e9;
        TimeUnit.SECONDS.sleep(5); // the nodes hear of the last socket's end
        var after = heaps();
        System.out.printf(
                "%d sockets, %d runs, %d events read in %.0f s; refused for now: %d; faults: %d%n",
                sockets, sockets * runs, events, seconds, refused, faults.size());
        faults.stream().limit(20).forEach(System.out::println);
        var passed = faults.isEmpty();
        for (var i = 0; i < nodes.size(); i++) {
            var grown = after.get(i) - before.get(i);
            passed &= grown <= HEAP_GROWTH;
            System.out.printf(
                    "node %d: heap %.1f MiB before, %.1f MiB after (%+.1f)%n",
                    i, before.get(i) / (1 << 20), after.get(i) / (1 << 20), grown / (1 << 20));
        }
        System.out.println(passed ? "passed" : "FAILED");
        return passed;
    }

    private List<Double> heaps() throws Exception {
        var heaps = new ArrayList<Double>();
        for (var node : nodes) {
            heaps.add(node.heap());
        }
        return heaps;
    }

    /** Opens the sockets, has them all submit and follow, and closes them; all on one context. */
    private long round(int sockets, int runs) throws Exception {
        var context = vertx.getOrCreateContext();
        events = 0;
        refused = 0;
        ended = 0;
        round = UUID.randomUUID().toString();
        expected = sockets * runs + (sockets / 2 * 2) * (runs / 2);
        done = Promise.promise();
        var over = done.future();
        var open = new ArrayList<WebSocket>();
        context.runOnContext(unused ->
                open(open, sockets).onSuccess(all -> submit(open, runs)).onFailure(done::tryFail));
        over.await(MINUTES, TimeUnit.MINUTES);
        var closed = Promise.<Void>promise();
        context.runOnContext(
                unused -> Future.join(open.stream().map(WebSocket::close).toList())
                        .<Void>mapEmpty()
                        .onComplete(closed));
        closed.future().await(1, TimeUnit.MINUTES);
        return events;
    }

    private Future<Void> open(List<WebSocket> open, int sockets) {
        if (open.size() >= sockets) {
            return Future.succeededFuture();
        }
        var some = new ArrayList<Future<WebSocket>>();
        for (var i = open.size(); i < Math.min(sockets, open.size() + CONNECTING); i++) {
            var url = nodes.get(i % nodes.size()).url();
            some.add(client.connect(url.getPort(), url.getHost(), "/v1/ws"));
        }
        return Future.all(some).compose(connected -> {
            open.addAll(connected.list());
            return open(open, sockets);
        });
    }

    private void submit(List<WebSocket> sockets, int runs) {
        var refs = new ArrayList<Map<String, Watcher>>();
        for (var i = 0; i < sockets.size(); i++) {
            refs.add(new HashMap<>());
        }
        for (var i = 0; i < sockets.size(); i++) {
            var me = i;
            var partner = i ^ 1; // on the other node
            sockets.get(i)
                    .textMessageHandler(text ->
                            received(new JsonObject(text), me, sockets.get(me), refs.get(me), (ref, runId) -> {
                                if (ref.startsWith("own")
                                        && Integer.parseInt(ref.substring(3)) % 2 == 1
                                        && partner < sockets.size()) {
                                    follow(sockets.get(partner), refs.get(partner), "other" + ref, runId);
                                }
                            }));
            sockets.get(i).closeHandler(unused -> {
                if (!done.future().isComplete()) {
                    faults.add(
                            "socket " + me + " was closed: " + sockets.get(me).closeStatusCode());
                }
            });
            for (var run = 0; run < runs; run++) {
                refs.get(i).put("own" + run, new Watcher());
                submit(sockets.get(i), i, "own" + run);
            }
        }
    }

    private void submit(WebSocket socket, int number, String ref) {
        send(
                socket,
                new JsonObject()
                        .put("op", "submit")
                        .put("id", ref)
                        .put("idempotency_key", round + "-" + number + "-" + ref)
                        .put("input", "Create a low priority task to water the plants"));
    }

    /** True for what was refused for now; it is asked for again. */
    private boolean isLater(JsonObject frame, int number, WebSocket socket, Map<String, Watcher> refs) {
        var ref = frame.getString("id");
        var seconds = frame.getInteger("retry_after_s");
        if (!"error".equals(frame.getString("op")) || seconds == null || ref == null) {
            return false;
        }
        refused++;
        var millis = seconds * 1_000L + ThreadLocalRandom.current().nextLong(1_000);
        vertx.setTimer(millis, unused -> {
            if (ref.startsWith("own")) {
                submit(socket, number, ref);
            } else {
                subscribe(socket, ref, refs.get(ref));
            }
        });
        return true;
    }

    private void follow(WebSocket socket, Map<String, Watcher> refs, String ref, String runId) {
        var watcher = new Watcher();
        watcher.runId = runId;
        refs.put(ref, watcher);
        subscribe(socket, ref, watcher);
    }

    /** From where the watcher has got to, if it has followed the run before. */
    private void subscribe(WebSocket socket, String ref, Watcher watcher) {
        send(
                socket,
                new JsonObject()
                        .put("op", "subscribe")
                        .put("id", ref)
                        .put("run_id", watcher.runId)
                        .put("after", watcher.seq));
    }

    private static void send(WebSocket socket, JsonObject frame) {
        socket.writeTextMessage(frame.encode());
    }

    /** Told of each run that was accepted. */
    private interface Accepted {
        void run(String ref, String runId);
    }

    private void received(
            JsonObject frame, int number, WebSocket socket, Map<String, Watcher> refs, Accepted accepted) {
        if (isLater(frame, number, socket, refs)) {
            return;
        }
        var ref = frame.getString("id");
        switch (frame.getString("op")) {
            case "ack" -> accepted.run(ref, frame.getString("run_id"));
            case "event" -> event(ref, refs.get(ref), frame.getJsonObject("event"));
            default -> faults.add(frame.encode());
        }
        if (!faults.isEmpty()) {
            done.tryFail(new IllegalStateException(faults.get(0)));
        }
    }

    private void event(String ref, Watcher watcher, JsonObject event) {
        events++;
        var seq = event.getLong("seq");
        if (watcher.ended || seq != watcher.seq + 1) {
            faults.add("%s %s: event %d after %d".formatted(ref, event.getString("run_id"), seq, watcher.seq));
        }
        watcher.seq = seq;
        var type = event.getString("type");
        if (type.equals("run.succeeded")) {
            watcher.ended = true;
            if (++ended == expected) {
                done.tryComplete();
            }
        } else if (type.matches("run\\.(rejected|blocked|failed|timed_out|cancelled)")) {
            faults.add(ref + " " + event.encode());
        }
    }

    private static void delete(Path directory) throws IOException {
        try (var paths = Files.walk(directory)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}

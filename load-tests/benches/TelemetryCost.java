import com.sun.net.httpserver.HttpServer;
import io.taskpilot.journal.LocalPostgres;
import io.taskpilot.journal.PostgresAddress;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * What all telemetry costs: two servers, one that exports every span over OTLP, writes every line as JSON to a pipe that
 * is read, and is scraped every second, and one that does none of that (its metrics are kept all the same, as they can't
 * be turned off). So many callers each submit a run and wait for its end, again and again, at the one and at the other
 * server in turn, in the same minutes, on databases of their own in one PostgreSQL. All of it is started by this program.
 * The CPU time is that of the server's process alone.
 *
 * <pre>
 *   mvn -Pquick package
 *   java -cp target/taskpilot.jar load-tests/benches/TelemetryCost.java 16 8 20
 *   java -cp target/taskpilot.jar load-tests/benches/TelemetryCost.java 16 8 20 traces logs
 * </pre>
 *
 * that is 16 callers, 8 s a turn, 20 turns of each after 30 to warm up: a JVM that shares two processors still compiles
 * after three minutes of load, and the one that has more to do compiles longer. The second also has a server that only
 * traces and one that only logs. Fails when the share that is lost is 10 % or more.
 */
public final class TelemetryCost {
    private static final Path JAR = Path.of("target/taskpilot.jar");
    private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
    private static final double GOAL = 0.10;
    private static final int WARM_UPS = 30;
    private static final String BODY = "{\"input\": \"Create a low priority task to water the plants\"}";

    private record Server(String name, Process process, URI url, URI management) {}

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final AtomicLong spanBytes = new AtomicLong();
    private final AtomicLong logBytes = new AtomicLong();

    public static void main(String[] args) throws Exception {
        var callers = args.length > 0 ? Integer.parseInt(args[0]) : 16;
        var seconds = args.length > 1 ? Integer.parseInt(args[1]) : 10;
        var turns = args.length > 2 ? Integer.parseInt(args[2]) : 8;
        var names = new ArrayList<>(List.of("on", "off"));
        names.addAll(List.of(args).subList(Math.min(3, args.length), args.length));
        System.exit(new TelemetryCost().measure(names, callers, seconds, turns) ? 0 : 1);
    }

    private boolean measure(List<String> names, int callers, int seconds, int turns) throws Exception {
        var directory = Files.createTempDirectory("telemetry-cost");
        var collector = collector();
        var servers = new ArrayList<Server>();
        try (var postgres = LocalPostgres.start(directory.resolve("postgres"))) {
            try {
                var admin = postgres.address();
                for (var name : names) {
                    var settings = new TreeMap<>(settings(name, collector));
                    settings.put("TASKPILOT_POSTGRES_URL", database(admin, name));
                    servers.add(start(name, directory.resolve(name), settings));
                }
                return compare(servers, callers, seconds, turns);
            } finally {
                for (var server : servers) {
                    server.process().destroy();
                    server.process().waitFor(60, TimeUnit.SECONDS);
                }
            }
        } finally {
            collector.stop(0);
            delete(directory);
        }
    }

    private static String database(PostgresAddress admin, String name) throws SQLException {
        var url = "jdbc:postgresql://%s:%d/%s".formatted(admin.host(), admin.port(), admin.database());
        try (var connection = DriverManager.getConnection(
                        url, admin.user(), admin.password().value());
                var statement = connection.createStatement()) {
            statement.execute("create database telemetry_" + name);
        }
        return new PostgresAddress(
                        admin.host(),
                        admin.port(),
                        "telemetry_" + name,
                        admin.user(),
                        admin.password(),
                        admin.parameters())
                .url()
                .value();
    }

    private static Map<String, String> settings(String name, HttpServer collector) {
        var settings = new TreeMap<>(Map.of("TASKPILOT_LOG_FORMAT", "json"));
        if (name.equals("on") || name.equals("traces")) {
            settings.put(
                    "OTEL_EXPORTER_OTLP_ENDPOINT",
                    "http://127.0.0.1:" + collector.getAddress().getPort());
            settings.put("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        } else {
            settings.put("OTEL_SDK_DISABLED", "true");
        }
        if (name.equals("off") || name.equals("traces")) {
            settings.put("LOG_LEVEL", "error");
            settings.put("TASKPILOT_LOG_ACCESS", "false");
            settings.put("TASKPILOT_LOG_DECISIONS", "false");
        }
        return settings;
    }

    /** Takes spans and forgets them. */
    private HttpServer collector() throws IOException {
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v1/traces", exchange -> {
            spanBytes.addAndGet(drain(exchange.getRequestBody()));
            exchange.getResponseHeaders().add("content-type", "application/x-protobuf");
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.setExecutor(Executors.newSingleThreadExecutor(TelemetryCost::daemon));
        server.start();
        return server;
    }

    private static Thread daemon(Runnable work) {
        var thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    private static long drain(InputStream in) throws IOException {
        var buffer = new byte[64 << 10];
        var total = 0L;
        for (var read = in.read(buffer); read >= 0; read = in.read(buffer)) {
            total += read;
        }
        return total;
    }

    private Server start(String name, Path dataDir, Map<String, String> settings) throws Exception {
        var builder = new ProcessBuilder(JAVA.toString(), "-jar", JAR.toString(), "serve");
        builder.environment().putAll(settings);
        builder.environment()
                .putAll(Map.of(
                        "TASKPILOT_DATA_DIR", dataDir.toString(),
                        "TASKPILOT_HTTP_PORT", "0",
                        "TASKPILOT_HTTP_MANAGEMENT_PORT", "0",
                        "TASKPILOT_DRAIN_ACCEPT", "0s"));
        Files.createDirectories(dataDir);
        var process = builder.redirectErrorStream(true).start();
        daemon(() -> {
                    try {
                        logBytes.addAndGet(drain(process.getInputStream()));
                    } catch (IOException e) {
                        if (process.isAlive()) { // else its end closed the pipe
                            System.err.println(e);
                        }
                    }
                })
                .start();
        var record = dataDir.resolve("server.json");
        while (process.isAlive()) {
            if (Files.exists(record)) {
                var server = new JsonObject(Files.readString(record));
                return new Server(
                        name,
                        process,
                        URI.create(server.getString("url")),
                        URI.create(server.getString("management_url")));
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
        throw new IllegalStateException(name + " did not start");
    }

    private boolean compare(List<Server> servers, int callers, int seconds, int turns) throws Exception {
        var rates = new TreeMap<String, List<Double>>();
        var costs = new TreeMap<String, List<Double>>();
        for (var turn = -WARM_UPS; turn < turns; turn++) {
            // each begins every other turn, so that neither is always the one that finds the machine warm
            var order = new ArrayList<>(servers);
            if (turn % 2 != 0) {
                order.sort(Comparator.comparing(Server::name));
            } else {
                order.sort(Comparator.comparing(Server::name).reversed());
            }
            for (var server : order) {
                var before = cpuMillis(server);
                var began = System.nanoTime();
                var runs = runs(server, callers, seconds);
                var rate = runs / ((System.nanoTime() - began) / 1e9);
                var cost = (cpuMillis(server) - before) / runs;
                if (turn >= 0) {
                    rates.computeIfAbsent(server.name(), unused -> new ArrayList<>())
                            .add(rate);
                    costs.computeIfAbsent(server.name(), unused -> new ArrayList<>())
                            .add(cost);
                    System.out.printf(
                            "turn %d: %-6s %.1f runs/s, %.2f ms of CPU a run%n", turn + 1, server.name(), rate, cost);
                }
            }
        }
        rates.forEach((name, each) -> System.out.printf(
                "| %s | %.1f | %.1f to %.1f | %.2f ms |%n",
                name,
                median(each),
                each.stream().mapToDouble(rate -> rate).min().orElseThrow(),
                each.stream().mapToDouble(rate -> rate).max().orElseThrow(),
                median(costs.get(name))));
        var on = median(rates.get("on"));
        var off = median(rates.get("off"));
        var lost = 1 - on / off;
        System.out.printf(
                "median: on %.1f runs/s, off %.1f runs/s, lost %.1f %% (goal: under %.0f %%); spans %d MiB%n",
                on, off, 100 * lost, 100 * GOAL, spanBytes.get() >> 20);
        return lost < GOAL;
    }

    private static double cpuMillis(Server server) {
        return server.process().info().totalCpuDuration().orElseThrow().toMillis();
    }

    /** Runs that were finished while so many callers kept on asking. */
    private long runs(Server server, int callers, int seconds) throws Exception {
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        var finished = new AtomicLong();
        var failure = new AtomicReference<RuntimeException>();
        var threads = new ArrayList<Thread>();
        for (var i = 0; i < callers; i++) {
            threads.add(daemon(() -> {
                try {
                    while (System.nanoTime() < end) {
                        finish(server);
                        finished.incrementAndGet();
                    }
                } catch (IllegalStateException e) {
                    failure.set(e);
                }
            }));
        }
        var scraper = daemon(() -> scrape(server, end));
        threads.forEach(Thread::start);
        if (server.name().equals("on")) {
            scraper.start();
        }
        for (var thread : threads) {
            thread.join();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        return finished.get();
    }

    private void finish(Server server) {
        var request = HttpRequest.newBuilder(server.url().resolve("/v1/runs"))
                .header("Content-Type", "application/json")
                .header("Prefer", "wait=60")
                .timeout(Duration.ofSeconds(90))
                .POST(BodyPublishers.ofString(BODY))
                .build();
        var answer = send(request);
        if (!answer.contains("\"succeeded\"")) {
            throw new IllegalStateException(answer);
        }
    }

    private void scrape(Server server, long end) {
        while (System.nanoTime() < end) {
            send(HttpRequest.newBuilder(server.management().resolve("/metrics")).build());
            try {
                TimeUnit.SECONDS.sleep(1);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private String send(HttpRequest request) {
        try {
            return http.send(request, BodyHandlers.ofString()).body();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static double median(List<Double> values) {
        var sorted = values.stream().sorted().toList();
        var middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    private static void delete(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}

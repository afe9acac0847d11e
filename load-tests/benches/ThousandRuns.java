import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;

/**
 * Submits many runs at once and compares their wall time with that of a run alone, in the same process and against the
 * same server. Run it with a JDK, no build needed:
 *
 * <pre>
 *   TASKPILOT_LLM_OFFLINE_LATENCY=1s ./taskpilot serve
 *   java load-tests/benches/ThousandRuns.java http://127.0.0.1:8000 http://127.0.0.1:8081 1000 3
 * </pre>
 */
public final class ThousandRuns {
    private static final String BODY =
            "{\"input\": \"Create a low priority task to water the plants\", \"timeout_s\": 600}";

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI api;
    private final URI management;

    private ThousandRuns(String api, String management) {
        this.api = URI.create(api);
        this.management = URI.create(management);
    }

    public static void main(String[] args) throws Exception {
        var bench = new ThousandRuns(
                args.length > 0 ? args[0] : "http://127.0.0.1:8000",
                args.length > 1 ? args[1] : "http://127.0.0.1:8081");
        var runs = args.length > 2 ? Integer.parseInt(args[2]) : 1000;
        var rounds = args.length > 3 ? Integer.parseInt(args[3]) : 3;
        for (var warmUp = 0; warmUp < 2; warmUp++) {
            bench.together(runs); // not counted: the JIT is at work
        }
        for (var round = 1; round <= rounds; round++) {
            bench.round(round, runs);
        }
    }

    private void round(int round, int runs) throws Exception {
        var alone = median(IntStream.range(0, 3).mapToObj(i -> together(1)).toList());
        var before = lag();
        var all = together(runs);
        var after = lag();
        System.out.printf(
                "round %d: alone %.2f s, %d together %.2f s, ratio %.2f, event-loop lag p99 <= %s s%n",
                round, alone, runs, all, all / alone, quantile(before, after, 0.99));
    }

    /** Seconds until the last of {@code runs} runs that were submitted at once has succeeded. */
    private double together(int runs) {
        var began = System.nanoTime();
        var answers = new ArrayList<CompletableFuture<Void>>();
        for (var i = 0; i < runs; i++) {
            answers.add(finish());
        }
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new)).join();
        return (System.nanoTime() - began) / 1e9;
    }

    private CompletableFuture<Void> finish() {
        var request = HttpRequest.newBuilder(api.resolve("/v1/runs"))
                .header("Content-Type", "application/json")
                .header("Prefer", "wait=60")
                .timeout(Duration.ofSeconds(90))
                .POST(BodyPublishers.ofString(BODY))
                .build();
        return http.sendAsync(request, BodyHandlers.ofString()).thenAccept(answer -> {
            if (answer.statusCode() != 200 || !answer.body().contains("\"succeeded\"")) {
                throw new CompletionException(new IllegalStateException(answer.statusCode() + " " + answer.body()));
            }
        });
    }

    /** The lag histogram: upper bound to cumulative count, all loops together. */
    private TreeMap<Double, Double> lag() throws Exception {
        var request = HttpRequest.newBuilder(management.resolve("/metrics")).build();
        var buckets = new TreeMap<Double, Double>();
        http.send(request, BodyHandlers.ofString())
                .body()
                .lines()
                .filter(line -> line.startsWith("taskpilot_event_loop_lag_seconds_bucket"))
                .forEach(line -> {
                    var le = line.replaceAll(".*le=\"([^\"]+)\".*", "$1");
                    var bound = le.equals("+Inf") ? Double.POSITIVE_INFINITY : Double.parseDouble(le);
                    buckets.merge(bound, Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)), Double::sum);
                });
        return buckets;
    }

    private static String quantile(TreeMap<Double, Double> before, TreeMap<Double, Double> after, double q) {
        if (after.isEmpty()) {
            return "unknown (no taskpilot_event_loop_lag_seconds)";
        }
        var total = after.lastEntry().getValue() - before.getOrDefault(after.lastKey(), 0.0);
        for (var bucket : after.entrySet()) {
            if (bucket.getValue() - before.getOrDefault(bucket.getKey(), 0.0) >= q * total) {
                return String.valueOf(bucket.getKey());
            }
        }
        return "unknown";
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
    }
}

package io.taskpilot.app;

import io.taskpilot.config.Durations;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.journal.Database;
import io.taskpilot.journal.LocalPostgres;
import io.taskpilot.journal.PolicyHistory;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.policy.Backtest;
import io.taskpilot.policy.OpaServerEngine;
import io.taskpilot.policy.WasmPolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PastDecision;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Reads the database itself: no server has to run. */
@Command(
        name = "backtest",
        description = {
            "Asks a policy about the tool calls of the past, and shows where its verdict differs.",
            "Nothing is changed. Without --policy and --opa, the OPA server of the configuration is asked."
        },
        footer = {
            "",
            "Exit codes: 0 no verdict would be another, 3 some would be, 2 usage or configuration,",
            "1 it could not be told."
        })
final class BacktestCommand implements Callable<Integer> {
    private static final Duration CLOSE = Duration.ofSeconds(5);
    private static final Duration LONGEST_ANSWER = Duration.ofSeconds(5); // nobody waits for a run

    private final Shell shell;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--since",
            paramLabel = "DURATION",
            description = "How far back, as in 24h or 7d (default: ${DEFAULT-VALUE}).",
            defaultValue = "7d")
    private String since = "7d";

    @Option(
            names = "--policy",
            paramLabel = "DIR",
            description = "Rego and the module that scripts/build-policy makes of it.")
    private @Nullable Path policy;

    @Option(names = "--opa", paramLabel = "URL", description = "An OPA server that has the policy instead.")
    private @Nullable URI opa;

    BacktestCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws IOException {
        var back = Durations.parse(since);
        if (back == null) {
            throw new UsageFailure("--since: '%s' (expected: a duration, as in 24h or 7d)".formatted(since));
        }
        var loaded = config.load(shell).config();
        var closer = new Closer();
        try {
            var report = replay(loaded, Instant.now().minus(back), closer);
            if (output.json()) {
                shell.out().println(ApiClient.json(json(report)));
            } else {
                print(report);
            }
            return report.flips().isEmpty() ? ExitCode.OK : ExitCode.DIFFERENT;
        } finally {
            closer.close();
        }
    }

    private Backtest.Report replay(TaskPilotConfig loaded, Instant from, Closer closer) throws IOException {
        var vertx = Vertx.vertx();
        closer.add("vertx", CLOSE, vertx::close);
        var blocking = new BlockingIo(vertx);
        closer.add("blocking-io", CLOSE, blocking::close);
        var candidate = candidate(loaded, vertx, blocking, closer);
        var database = Database.open(vertx, address(loaded, closer), 2);
        closer.add("database", CLOSE, database::close);

        var history = new PolicyHistory(database);
        var backtest = new Backtest(candidate);
        var page = history.after(PolicyHistory.since(from)).await();
        while (page.next() != null) {
            backtest.judge(page.decisions()).await();
            page = history.after(page.next()).await();
        }
        return backtest.report();
    }

    private PolicyEngine candidate(TaskPilotConfig loaded, Vertx vertx, BlockingIo blocking, Closer closer) {
        if (policy != null && opa != null) {
            throw new UsageFailure("--policy and --opa: both given (expected: one of them)");
        }
        if (policy != null && !Files.isDirectory(shell.workDir().resolve(policy))) {
            throw new UsageFailure("--policy: %s (expected: a directory with Rego and its module)".formatted(policy));
        }
        if (policy != null) {
            return WasmPolicyEngine.open(shell.workDir().resolve(policy), blocking)
                    .await();
        }
        var url = opa == null ? loaded.opa().url() : checked(opa);
        if (url == null) {
            throw new UsageFailure("--policy: missing (expected: it, --opa or the setting opa.url)");
        }
        var version = Version.read();
        var metrics = new Metrics(version.number(), version.revision());
        var http = vertx.createHttpClient();
        var server = new OpaServerEngine(vertx, http, url, LONGEST_ANSWER, new HealthRegistry(), metrics);
        closer.add("opa", CLOSE, () -> {
            server.close();
            return http.close();
        });
        server.warmUp(LONGEST_ANSWER).await(); // a server that is not there would flip every decision
        return server;
    }

    private static URI checked(URI url) {
        if (url.getRawUserInfo() != null) {
            throw new UsageFailure("--opa: has user info (expected: a URL as in http://127.0.0.1:8181)");
        }
        return url;
    }

    private static PostgresAddress address(TaskPilotConfig loaded, Closer closer) throws IOException {
        var external = loaded.postgres().url();
        if (external != null) {
            return PostgresAddress.parse(external);
        }
        var running = LocalPostgres.running(loaded.dataDir());
        if (running != null) {
            return running;
        }
        if (!Files.exists(loaded.dataDir().resolve("postgres"))) {
            throw new UsageFailure("dataDir: %s has no database (expected: that of a server, or postgres.url)"
                    .formatted(loaded.dataDir()));
        }
        var local = LocalPostgres.start(loaded.dataDir());
        closer.add("postgres", () -> {
            local.close();
            return null;
        });
        return local.address();
    }

    private void print(Backtest.Report report) {
        var without = report.unanswered() == 0 ? "" : ", %d without a verdict left out".formatted(report.unanswered());
        shell.out()
                .println("%d of %d decisions since %s would be others%s"
                        .formatted(report.flipped(), report.replayed(), since, without));
        for (var flips : report.flips()) {
            var change = flips.change();
            shell.out()
                    .println(Terminal.clean("%6d  %s -> %s"
                            .formatted(
                                    flips.count(),
                                    verdict(change.was(), change.oldRule()),
                                    verdict(change.now(), change.newRule()))));
            for (var past : flips.examples()) {
                var call = past.event().call();
                shell.out()
                        .println(
                                Terminal.clean("        run_%s %s %s".formatted(past.runId(), call.id(), call.tool())));
            }
            if (flips.count() > flips.examples().size()) {
                shell.out()
                        .println("        and %d more"
                                .formatted(flips.count() - flips.examples().size()));
            }
        }
    }

    private static String verdict(DecisionResult result, String rule) {
        return rule.isEmpty() ? result.word() : "%s (%s)".formatted(result.word(), rule);
    }

    private static Map<String, Object> json(Backtest.Report report) {
        var json = new LinkedHashMap<String, Object>();
        json.put("replayed", report.replayed());
        json.put("unanswered", report.unanswered());
        json.put("flipped", report.flipped());
        json.put("flips", report.flips().stream().map(BacktestCommand::json).toList());
        return json;
    }

    private static Map<String, Object> json(Backtest.Flips flips) {
        var change = flips.change();
        var json = new LinkedHashMap<String, Object>();
        json.put("was", change.was().word());
        json.put("old_rule", change.oldRule());
        json.put("now", change.now().word());
        json.put("new_rule", change.newRule());
        json.put("count", flips.count());
        json.put(
                "examples", flips.examples().stream().map(BacktestCommand::json).toList());
        return json;
    }

    private static Map<String, Object> json(PastDecision past) {
        var call = past.event().call();
        return Map.of(
                "run_id", "run_" + past.runId(),
                "call_id", call.id(),
                "tool", call.tool(),
                "at", past.at().toString());
    }
}

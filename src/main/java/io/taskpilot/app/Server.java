package io.taskpilot.app;

import io.netty.buffer.ByteBufAllocator;
import io.taskpilot.config.ConfigException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.Role;
import io.taskpilot.engine.Announcer;
import io.taskpilot.engine.Archivist;
import io.taskpilot.engine.Census;
import io.taskpilot.engine.DecisionLines;
import io.taskpilot.engine.Engine;
import io.taskpilot.engine.EngineSettings;
import io.taskpilot.engine.Journal;
import io.taskpilot.engine.Lease;
import io.taskpilot.engine.RunMetrics;
import io.taskpilot.engine.RunSpans;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.engine.Sealer;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.gateway.Gateway;
import io.taskpilot.gateway.Listeners;
import io.taskpilot.journal.Database;
import io.taskpilot.journal.Migrations;
import io.taskpilot.journal.PgAnnouncements;
import io.taskpilot.journal.PgCensus;
import io.taskpilot.journal.PgJournal;
import io.taskpilot.journal.PgRetention;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.PgSeals;
import io.taskpilot.journal.Witness;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.telemetry.CurrentSpan;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Service;
import io.taskpilot.telemetry.Tracing;
import io.taskpilot.tool.ApprovalWebhook;
import io.taskpilot.tool.ArgumentSchema;
import io.vertx.core.Deployable;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The composition root: everything is built here, by hand, in the order it depends on each other. */
public final class Server {
    private static final Logger log = LoggerFactory.getLogger(Server.class);
    private static final Duration CLOSE = Site.CLOSE;
    private static final Duration LAST_WORDS = Duration.ofMillis(100);
    private static final Duration ANNOUNCE_AGAIN = Duration.ofSeconds(90); // longer than a delivery may take
    private static final Duration CENSUS = Duration.ofSeconds(5);
    private static final int OWN_THREADS =
            4; // for what may hang: names that nobody resolves, a file server that is gone
    private static final Sealer.Settings SEALING = new Sealer.Settings(Duration.ofMinutes(15), Duration.ofMinutes(5));
    private static final Set<String> NO_DEPENDENCY = Set.of("objects", "seals"); // these have metrics of their own

    private final TaskPilotConfig config;
    private final UnaryOperator<Journal> around;
    private final Listeners listeners = new Listeners();
    private final Closer closer = new Closer();
    private final List<String> engines = new ArrayList<>();
    private final HealthRegistry health = new HealthRegistry();
    private @Nullable URI url;
    private URI managementUrl = URI.create("");
    private volatile Runnable hurry = () -> {};

    private Server(TaskPilotConfig config, UnaryOperator<Journal> around) {
        this.config = config;
        this.around = around;
    }

    /**
     * Blocks until the server answers on both ports; call it from a thread of its own, never from an event loop.
     *
     * @throws ConfigException for files that are wrong: those under {@code conf/}, the keys, a policy on trial
     * @throws RuntimeException for whatever else keeps it from starting; what had been opened is closed again
     */
    public static Server start(TaskPilotConfig config) {
        return start(config, UnaryOperator.identity());
    }

    /** @param around what the engine sees in place of the journal: a test that stops the process there */
    static Server start(TaskPilotConfig config, UnaryOperator<Journal> around) {
        var server = new Server(config, around);
        try {
            server.open();
            return server;
        } catch (IOException e) {
            server.close();
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    private void open() throws IOException {
        var authentication = Callers.of(config.auth()); // before anything is started: its file may be wrong
        var version = Version.read();
        var metrics = new Metrics(
                version.number(),
                version.revision(),
                new CurrentSpan(),
                config.telemetry().genai());
        var site = new Site(config, metrics, health, closer, engines);
        var stores = new Stores(site);
        var tracing = tracing(version, metrics);
        var trace = tracing.root();
        var address = stores.postgres();
        Migrations.migrate(address);

        ByteBufAllocator.DEFAULT.directBuffer(1).release(); // the first one sets up flight recording: not on a loop
        var vertx = vertx(metrics, tracing);
        closer.add("vertx", CLOSE, vertx::close);
        var blocking = new BlockingIo(vertx);
        closer.add("blocking-io", CLOSE, blocking::close);
        var lookups = new BlockingIo(vertx, "lookups", OWN_THREADS);
        closer.add("lookups", CLOSE, lookups::close);
        var archiving = new BlockingIo(vertx, "archive", OWN_THREADS);
        closer.add("archive", CLOSE, archiving::close);
        var database = Database.open(vertx, address, config.postgres().poolSize());
        closer.add("database", CLOSE, database::close);

        var signals = stores.signals(vertx, address);
        closer.add("signals", CLOSE, signals::close);
        signals.start();
        var decisions = config.decisions();
        var chainKey = decisions.chainKey();
        var lease = new Lease();
        var witness = new Witness(
                row -> {
                    DecisionLines.write(row);
                    RunMetrics.recorded(metrics.governance(), row);
                },
                run -> {
                    RunSpans.ended(trace, lease, run);
                    RunMetrics.ended(metrics.workflows(), lease, run);
                });
        var journal = new PgJournal(
                database, decisions, signals::changed, Server::historyWentBack, metrics.stores()::committed, witness);
        metrics.stores().pending(journal::pendingAppends);
        closer.add("journal", () -> {
            journal.close();
            return null;
        });
        var objects = stores.objects(vertx, archiving);
        var archive = new TraceArchive(objects, archiving, metrics.stores());
        var sole = config.postgres().url() == null;
        var lasting = sole || config.s3().url() != null;
        var copies = new SealCopies(objects, archiving, lasting);
        var retention = config.retention();
        var reader = new PgRunReader(database, chainKey, archive, copies, retention.archive());

        var governance = new Governance(site, vertx, blocking);
        var policies = governance.policies();
        var policy = governance.shadowed(policies.toolCalls());
        var guardrails = governance.guardrails();
        var agentParts = new AgentParts(site, vertx);
        var tools = agentParts.tools(reader, lookups);
        var agents = agentParts.agents(tools);

        var engine = new Engine(
                vertx,
                EngineSettings.of(config),
                around.apply(journal),
                reader,
                signals,
                lease,
                agents,
                guardrails,
                policy,
                tools,
                ArgumentSchema::new,
                metrics,
                trace);
        announce(vertx, lookups, database, metrics);
        if (config.roles().contains(Role.AGENTS)) {
            deploy(
                    vertx,
                    "sealer",
                    new Sealer(
                            new PgSeals(database, chainKey, copies.storeName()),
                            copies,
                            SEALING,
                            health,
                            metrics.stores()));
            if (!lasting) {
                log.warn("nothing is dropped from PostgreSQL: traces are files on this node alone (expected: s3.url)");
            }
            var at = config.archive();
            var settings =
                    new Archivist.Settings(at.after(), at.every(), retention.journal(), retention.archive(), lasting);
            deploy(
                    vertx,
                    "archivist",
                    new Archivist(new PgRetention(database), reader, archive, settings, metrics.stores()));
            deploy(vertx, "census", new Census(new PgCensus(database), CENSUS, metrics));
        }
        var loops = Runtime.getRuntime().availableProcessors();
        closer.add("engine", CLOSE.plus(CLOSE), () -> engine.drain(CLOSE).compose(unused -> engine.stop()));
        engine.start(loops, sole).await();
        var serves = config.roles().contains(Role.GATEWAY);
        if (config.roles().size() == 1) {
            site.say(
                    "role",
                    serves
                            ? "gateway only: accepts runs, and leaves them to nodes with the role agents"
                            : "agents only: drives runs, and answers on the management port alone");
        }

        var gateway = new Gateway(
                vertx,
                config.http(),
                config.limits(),
                authentication,
                governance.ingress(policies.ingress(), journal),
                engine,
                reader,
                policy,
                health,
                metrics,
                version.number(),
                trace);
        closer.add("gateway", CLOSE, gateway::close);
        gateway.start(serves ? loops : 0).recover(this::portsInUse).await();
        var accept = sole ? Duration.ZERO : config.drain().accept(); // a sole server has nobody to accept for
        var grace = config.drain().grace();
        closer.add("drain", accept.plus(grace).plus(CLOSE).plus(CLOSE), () -> {
            log.info("draining accept={} grace={} runs={}", accept, grace, engine.inFlight());
            return Future.join(gateway.drain(accept, listeners::close), engine.drain(grace))
                    .mapEmpty();
        });
        hurry = () -> {
            gateway.hurry();
            engine.hurry();
        };
        managementUrl = url(config.http().managementHost(), gateway.managementPort());
        url = serves ? url(config.http().host(), gateway.port()) : null;

        new DatabaseWatch(vertx, database, health).start();
        health.states().keySet().stream()
                .filter(name -> !NO_DEPENDENCY.contains(name))
                .forEach(name -> metrics.dependencies().shown(name, health));
        health.started();
    }

    private Tracing tracing(Version version, Metrics metrics) {
        var otel = config.telemetry().otel();
        var service = Service.of(version.number(), config.environment(), otel);
        var tracing = Site.configured("", () -> Tracing.open(otel, service));
        tracing.countLoss(metrics);
        metrics.telemetryDropped("logs", "queue_full", Logging::dropped);
        metrics.telemetryDropped("logs", "not_taken", Logging::unwritten);
        closer.add("tracing", () -> {
            tracing.close(CLOSE);
            return null;
        });
        return tracing;
    }

    private Vertx vertx(Metrics metrics, Tracing tracing) {
        return Vertx.builder()
                .with(new VertxOptions().setMetricsOptions(metrics.vertx().options()))
                .withTransport(listeners.transport())
                .withMetrics(metrics.vertx().factory())
                .withTracer(tracing.ofVertx())
                .build();
    }

    /** Tells people of approvals that wait for them, if it is configured where. */
    private void announce(Vertx vertx, BlockingIo lookups, Database database, Metrics metrics) {
        var webhook = config.approvals().webhook();
        if (webhook == null) {
            return;
        }
        var sender = Site.configured(
                "approvals.webhook.", () -> new ApprovalWebhook(vertx, lookups, webhook, config.decisions()));
        closer.add("approval-webhook", CLOSE, sender::close);
        deploy(
                vertx,
                "announcer",
                new Announcer(new PgAnnouncements(database), sender, ANNOUNCE_AGAIN, metrics.approvals()));
    }

    private void deploy(Vertx vertx, String name, Deployable verticle) {
        var id = vertx.deployVerticle(verticle).await();
        closer.add(name, CLOSE, () -> vertx.undeploy(id));
    }

    /** A fail-over lost what was committed: whatever this process did next would build on what is not there. */
    private static void historyWentBack(String detail) {
        log.error("the database lost committed history, stopping detail={}", detail);
        Logging.flush(LAST_WORDS); // briefly: until the halt the other loops act on what is not there
        Runtime.getRuntime().halt(ExitCode.HISTORY_LOST); // no drain: that would too
    }

    private Future<Void> portsInUse(Throwable cause) {
        if (!String.valueOf(cause.getMessage()).contains("Address already in use")) {
            return Future.failedFuture(cause);
        }
        var ports = "http.port: %d or http.managementPort: %d is in use (expected: free ports; 0 picks one)"
                .formatted(config.http().port(), config.http().managementPort());
        return Future.failedFuture(new ConfigException(List.of(ports)));
    }

    /** Of the API; null without the role for it. */
    public @Nullable URI url() {
        return url;
    }

    /** Of health and metrics. */
    public URI managementUrl() {
        return managementUrl;
    }

    private static URI url(String host, int port) {
        var reachable = host.equals("0.0.0.0") ? "127.0.0.1" : host.equals("::") ? "::1" : host;
        return URI.create("http://%s:%d".formatted(reachable.contains(":") ? "[" + reachable + "]" : reachable, port));
    }

    /** Which engine does each job, one line each. */
    public List<String> engines() {
        return List.copyOf(engines);
    }

    /**
     * Drains, then closes in reverse; blocks. Takes {@code drain.accept} when there is nothing to wait for, and at most
     * that or {@code drain.grace}, whichever is longer, and a few seconds.
     */
    public void close() {
        closer.close();
    }

    /** Ends the waiting of {@link #close}, from another thread: what is not done is left to others. */
    public void hurry() {
        hurry.run();
    }
}

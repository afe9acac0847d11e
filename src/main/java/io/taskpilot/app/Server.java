package io.taskpilot.app;

import io.netty.buffer.ByteBufAllocator;
import io.taskpilot.agent.AgentDefinition;
import io.taskpilot.agent.ConfiguredAgents;
import io.taskpilot.config.ConfigException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.config.TaskPilotConfig.Role;
import io.taskpilot.engine.Announcer;
import io.taskpilot.engine.Archivist;
import io.taskpilot.engine.Census;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.DecisionLines;
import io.taskpilot.engine.Engine;
import io.taskpilot.engine.EngineSettings;
import io.taskpilot.engine.Guardrails;
import io.taskpilot.engine.IngressPolicy;
import io.taskpilot.engine.Journal;
import io.taskpilot.engine.Lease;
import io.taskpilot.engine.NodeSignals;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.engine.RunMetrics;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunSpans;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.engine.Sealer;
import io.taskpilot.engine.Tool;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.engine.WatchedStore;
import io.taskpilot.gateway.ApiKeys;
import io.taskpilot.gateway.Authentication;
import io.taskpilot.gateway.Gateway;
import io.taskpilot.gateway.Ingress;
import io.taskpilot.gateway.Listeners;
import io.taskpilot.guardrail.EmbeddedGuardrails;
import io.taskpilot.guardrail.NemoGuardrails;
import io.taskpilot.journal.Database;
import io.taskpilot.journal.LocalPostgres;
import io.taskpilot.journal.Migrations;
import io.taskpilot.journal.NotifyTransport;
import io.taskpilot.journal.PgAnnouncements;
import io.taskpilot.journal.PgCensus;
import io.taskpilot.journal.PgJournal;
import io.taskpilot.journal.PgRetention;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.PgSeals;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.Witness;
import io.taskpilot.llm.MeteredModel;
import io.taskpilot.llm.ModelCatalog;
import io.taskpilot.llm.OfflineModel;
import io.taskpilot.llm.OpenAiModel;
import io.taskpilot.llm.WatchedModel;
import io.taskpilot.objects.FileObjects;
import io.taskpilot.objects.S3Objects;
import io.taskpilot.policy.OpaServerEngine;
import io.taskpilot.policy.ShadowedPolicy;
import io.taskpilot.policy.WasmPolicyEngine;
import io.taskpilot.redis.RedisTransport;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.CurrentSpan;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Service;
import io.taskpilot.telemetry.Tracing;
import io.taskpilot.tool.ApprovalWebhook;
import io.taskpilot.tool.ArgumentSchema;
import io.taskpilot.tool.TaskTools;
import io.taskpilot.tool.WebhookTool;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.PoolOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The composition root: everything is built here, by hand, in the order it depends on each other. */
public final class Server {
    private static final Logger log = LoggerFactory.getLogger(Server.class);
    private static final Duration CLOSE = Duration.ofSeconds(5);
    private static final String OPENAI = "openai"; // in prices, metrics and journals
    private static final int OPA_CONNECTIONS = 32;
    private static final int OPA_WAITING = 4_096;
    private static final Duration WARM_UP = Duration.ofSeconds(2);
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
        var authentication = authentication(); // before anything is started: its file may be wrong
        var version = Version.read();
        var metrics = new Metrics(
                version.number(),
                version.revision(),
                new CurrentSpan(),
                config.telemetry().genai());
        var tracing = tracing(version, metrics);
        var trace = tracing.root();
        var address = postgres();
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

        var signals = signals(vertx, address, metrics);
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
        var objects = objects(vertx, archiving, metrics);
        var archive = new TraceArchive(objects, archiving, metrics.stores());
        var sole = config.postgres().url() == null;
        var lasting = sole || config.s3().url() != null;
        var copies = new SealCopies(objects, archiving, lasting);
        var retention = config.retention();
        var reader = new PgRunReader(database, chainKey, archive, copies, retention.archive());

        var policies = policies(vertx, blocking, metrics);
        var policy = shadowed(policies.toolCalls(), vertx, metrics);
        var guardrails = guardrails(vertx, blocking, metrics);
        var tools = tools(vertx, reader, lookups);
        var agents = agents(vertx, tools, metrics);

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
            var sealer = new Sealer(
                    new PgSeals(database, chainKey, copies.storeName()), copies, SEALING, health, metrics.stores());
            vertx.deployVerticle(sealer)
                    .onSuccess(id -> closer.add("sealer", CLOSE, () -> vertx.undeploy(id)))
                    .await();
            if (!lasting) {
                log.warn("nothing is dropped from PostgreSQL: traces are files on this node alone (expected: s3.url)");
            }
            var at = config.archive();
            var settings =
                    new Archivist.Settings(at.after(), at.every(), retention.journal(), retention.archive(), lasting);
            var archivist = new Archivist(new PgRetention(database), reader, archive, settings, metrics.stores());
            vertx.deployVerticle(archivist)
                    .onSuccess(id -> closer.add("archivist", CLOSE, () -> vertx.undeploy(id)))
                    .await();
            vertx.deployVerticle(new Census(new PgCensus(database), CENSUS, metrics))
                    .onSuccess(id -> closer.add("census", CLOSE, () -> vertx.undeploy(id)))
                    .await();
        }
        var loops = Runtime.getRuntime().availableProcessors();
        closer.add("engine", CLOSE.plus(CLOSE), () -> engine.drain(CLOSE).compose(unused -> engine.stop()));
        engine.start(loops, sole).await();
        var serves = config.roles().contains(Role.GATEWAY);
        if (config.roles().size() == 1) {
            engines.add("%-11s %s"
                    .formatted(
                            "role",
                            serves
                                    ? "gateway only: accepts runs, and leaves them to nodes with the role agents"
                                    : "agents only: drives runs, and answers on the management port alone"));
        }

        var gateway = new Gateway(
                vertx,
                config.http(),
                config.limits(),
                authentication,
                ingress(policies.ingress(), journal, metrics),
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

    /** Says at start and in {@code /health} what does a job. */
    private void use(String job, String engine) {
        engines.add("%-11s %s".formatted(job, engine));
        health.up(job, engine);
    }

    private Tracing tracing(Version version, Metrics metrics) {
        var otel = config.telemetry().otel();
        var service = Service.of(version.number(), config.environment(), otel);
        var tracing = configured("", () -> Tracing.open(otel, service));
        tracing.countLoss(metrics);
        metrics.telemetryDropped("logs", "queue_full", Logging::dropped);
        metrics.telemetryDropped("logs", "not_taken", Logging::unwritten);
        closer.add("tracing", () -> {
            tracing.close(CLOSE);
            return null;
        });
        return tracing;
    }

    /** The configured database, or the one that lives in the data directory. */
    private PostgresAddress postgres() throws IOException {
        var external = config.postgres().url();
        if (external != null) {
            var address = PostgresAddress.parse(external);
            engines.add("%-11s %s".formatted("journal", "PostgreSQL at " + address.host() + ":" + address.port()));
            return address;
        }
        var local = LocalPostgres.start(config.dataDir());
        closer.add("postgres", () -> {
            local.close();
            return null;
        });
        engines.add("%-11s %s"
                .formatted(
                        "journal", "embedded PostgreSQL in " + config.dataDir().toAbsolutePath()));
        return local.address();
    }

    /** Through Redis when there is one, else through the database. Neither has to be there: nodes also poll. */
    private NodeSignals signals(Vertx vertx, PostgresAddress address, Metrics metrics) {
        var redis = config.redis().url();
        if (redis == null) {
            return new NodeSignals(vertx, new NotifyTransport(vertx, address), metrics.signals(), heard -> {});
        }
        engines.add("%-11s %s".formatted("signals", "Redis pub/sub"));
        health.optional("redis");
        health.down("redis", "not connected yet");
        var transport = configured("redis.url: ", () -> new RedisTransport(vertx, redis));
        return new NodeSignals(vertx, transport, metrics.signals(), heard -> {
            if (heard) {
                health.up("redis", "answers");
            } else {
                health.down("redis", "does not answer: nodes find each other's news by polling");
            }
        });
    }

    private Vertx vertx(Metrics metrics, Tracing tracing) {
        return Vertx.builder()
                .with(new VertxOptions().setMetricsOptions(metrics.vertx().options()))
                .withTransport(listeners.transport())
                .withMetrics(metrics.vertx().factory())
                .withTracer(tracing.ofVertx())
                .build();
    }

    /** One engine has both; a policy on trial stands beside the first alone. */
    private record Policies(PolicyEngine toolCalls, IngressPolicy ingress) {}

    private Policies policies(Vertx vertx, BlockingIo blocking, Metrics metrics) {
        var opa = config.opa().url();
        if (opa != null) {
            var server = opa(vertx, opa, metrics);
            return new Policies(server, server);
        }
        return configured("", () -> {
            var embedded = WasmPolicyEngine.open(config.confDir().resolve("policy"), blocking)
                    .recover(Server::orAnOpaServer)
                    .await();
            use("policy", "embedded (Rego as WebAssembly), revision " + embedded.revision());
            return new Policies(embedded, asksIngress() ? embedded.withIngress() : embedded);
        });
    }

    /** Whoever has no module for this server may do without one; nothing else that loads a policy can. */
    private static Future<WasmPolicyEngine> orAnOpaServer(Throwable cause) {
        return Future.failedFuture(
                cause instanceof Failure failure
                        ? Failure.of(
                                failure.kind(),
                                failure.slug(),
                                failure.detail() + ", or set opa.url to use an OPA server",
                                failure)
                        : cause);
    }

    private boolean asksIngress() {
        return config.policy().ingress() == TaskPilotConfig.IngressMode.ENFORCE;
    }

    private Ingress ingress(IngressPolicy policy, PgJournal journal, Metrics metrics) {
        if (!asksIngress()) {
            log.info("scopes alone decide who may call what setting=policy.ingress=none");
            return Ingress.off();
        }
        var chain = journal.ingressChain(metrics.governance()::ingressCommitted);
        closer.add("ingress-chain", () -> {
            chain.close();
            return null;
        });
        var keys = config.auth().mode() == TaskPilotConfig.Auth.Mode.KEYS;
        return Ingress.enforce(policy, chain, keys, config.environment(), metrics.governance());
    }

    /** The policy itself, or beside it the one on trial. */
    private PolicyEngine shadowed(PolicyEngine policy, Vertx vertx, Metrics metrics) {
        var candidate = config.policy().candidate();
        if (config.policy().mode() != TaskPilotConfig.PolicyMode.SHADOW || candidate == null) {
            return policy;
        }
        var own = new BlockingIo(vertx, "policy-candidate", 1);
        closer.add("policy-candidate", CLOSE, own::close);
        var shadowed = configured(
                "", () -> ShadowedPolicy.open(policy, candidate, own, metrics).await());
        engines.add("%-11s revision %s, on trial: recorded, decides nothing"
                .formatted("candidate", shadowed.candidateRevision()));
        return shadowed;
    }

    private OpaServerEngine opa(Vertx vertx, URI url, Metrics metrics) {
        var pool = new PoolOptions().setHttp1MaxSize(OPA_CONNECTIONS).setMaxWaitQueueSize(OPA_WAITING);
        var http = vertx.createHttpClient(new HttpClientOptions().setMetricsName("opa"), pool);
        namePool(metrics, url, "opa");
        var engine = new OpaServerEngine(vertx, http, url, config.policy().timeout(), health, metrics);
        closer.add("opa", CLOSE, () -> {
            engine.close();
            return http.close();
        });
        use("opa", "OPA server at " + url.getAuthority());
        return configured("", () -> {
            var answer = asksIngress() ? engine.warmUpWithIngress(WARM_UP) : engine.warmUp(WARM_UP);
            answer.onSuccess(revision -> log.info("policy answers revision={}", revision))
                    .recover(error -> error instanceof IllegalArgumentException
                            ? Future.failedFuture(error)
                            : Future.succeededFuture()) // the engine has logged why, and goes on asking
                    .await();
            return engine;
        });
    }

    private static void warnOfAllow(String direction, TaskPilotConfig.OnError onError) {
        if (onError == TaskPilotConfig.OnError.ALLOW) {
            log.warn("texts that can't be checked go on unchecked setting=guardrails.onError.{}=allow", direction);
        }
    }

    private void nameStreaming(Streaming stream) {
        if (stream.mode() == Streaming.StreamMode.WINDOW) {
            engines.add(
                    "%-11s seen while they are written, %d characters behind".formatted("answers", stream.window()));
        } else if (stream.mode() == Streaming.StreamMode.AUDIT) {
            engines.add("%-11s seen while they are written, unchecked: not fail-closed".formatted("answers"));
            log.warn("answers are seen before a rail has judged them: not fail-closed setting=guardrails.stream=audit");
        }
    }

    private Guardrails guardrails(Vertx vertx, BlockingIo blocking, Metrics metrics) throws IOException {
        var onErrors = config.guardrails().onError();
        warnOfAllow("input", onErrors.input());
        warnOfAllow("output", onErrors.output());
        warnOfAllow("toolResult", onErrors.toolResult());
        nameStreaming(config.guardrails().stream());
        var directory = config.confDir().resolve("guardrails/taskpilot");
        var url = config.guardrails().url();
        if (url == null) {
            var embedded = rails(directory, blocking);
            use("guardrails", "embedded (model-free rails only)");
            return embedded;
        }
        var pure = EmbeddedGuardrails.understands(directory);
        var nemo = new NemoGuardrails(vertx, url, config.guardrails().timeout(), pure, health, metrics);
        closer.add("guardrails", CLOSE, nemo::close);
        namePool(metrics, url, "guardrails");
        use("guardrails", "NeMo Guardrails server at " + url.getAuthority());
        nemo.start().await();
        return nemo;
    }

    private static EmbeddedGuardrails rails(Path directory, BlockingIo blocking) {
        return configured("", () -> {
            try {
                return EmbeddedGuardrails.load(directory, blocking);
            } catch (IOException e) {
                throw new IllegalArgumentException("%s can't be read: %s".formatted(directory, e), e);
            }
        });
    }

    private List<Tool> tools(Vertx vertx, RunReader reader, BlockingIo lookups) {
        var tools = new ArrayList<>(TaskTools.all(reader));
        var destinations = config.tools().webhooks();
        if (!destinations.isEmpty()) {
            var webhooks = configured("", () -> new WebhookTool(vertx, lookups, destinations));
            closer.add("webhooks", CLOSE, webhooks::close);
            tools.add(webhooks);
        }
        return tools;
    }

    /** What it says is wrong is a mistake of the configuration, one a line; {@code prefix} is of the keys it names. */
    private static <T> T configured(String prefix, Supplier<T> part) {
        try {
            return part.get();
        } catch (IllegalArgumentException | Failure e) {
            throw new ConfigException(String.valueOf(e.getMessage())
                    .lines()
                    .map(line -> prefix + line)
                    .toList());
        }
    }

    /** Tells people of approvals that wait for them, if it is configured where. */
    private void announce(Vertx vertx, BlockingIo lookups, Database database, Metrics metrics) {
        var webhook = config.approvals().webhook();
        if (webhook == null) {
            return;
        }
        var sender = configured(
                "approvals.webhook.", () -> new ApprovalWebhook(vertx, lookups, webhook, config.decisions()));
        closer.add("approval-webhook", CLOSE, sender::close);
        var announcer = new Announcer(new PgAnnouncements(database), sender, ANNOUNCE_AGAIN, metrics.approvals());
        var id = vertx.deployVerticle(announcer).await();
        closer.add("announcer", CLOSE, () -> vertx.undeploy(id));
    }

    /** Where traces and copies of seals go. A store that does not answer keeps nobody from starting. */
    private WatchedStore objects(Vertx vertx, BlockingIo blocking, Metrics metrics) {
        var url = config.s3().url();
        if (url == null) {
            var files = config.dataDir().resolve("objects").toAbsolutePath();
            use("objects", "files in " + files);
            return new WatchedStore(
                    new FileObjects(files, blocking), health, metrics.dependencies(), "files in " + files);
        }
        var engine =
                "S3 at %s, bucket %s".formatted(url.getAuthority(), config.s3().bucket());
        use("objects", engine);
        var store = new S3Objects(vertx, blocking, config.s3());
        closer.add("objects", CLOSE, store::close);
        return new WatchedStore(store, health, metrics.dependencies(), engine);
    }

    private ConfiguredAgents agents(Vertx vertx, List<Tool> tools, Metrics metrics) {
        var problems = new ArrayList<String>();
        var known = tools.stream().map(tool -> tool.spec().name()).collect(Collectors.toCollection(TreeSet::new));
        known.add("notify_external_system"); // known without a destination too, but then not offered
        var catalog = ModelCatalog.load(config.confDir().resolve("models.yaml"), problems);
        var definitions = AgentDefinition.load(config.confDir().resolve("agents"), known, problems);
        if (!problems.isEmpty()) {
            throw new ConfigException(problems);
        }
        metrics.nameTools(known);
        metrics.nameModels(models(definitions.values()));
        return new ConfiguredAgents(
                definitions, model(vertx, catalog, metrics), config.llm().model());
    }

    /** Those that anybody asks for. */
    private Set<String> models(Collection<AgentDefinition> definitions) {
        var replaced = config.llm().model();
        return replaced == null
                ? definitions.stream().map(AgentDefinition::model).collect(Collectors.toSet())
                : Set.of(replaced);
    }

    private ChatModel model(Vertx vertx, ModelCatalog catalog, Metrics metrics) {
        var llm = config.llm();
        if (isOffline(llm)) {
            use("llm", "offline: deterministic, for demos, tests and load tests; it does not think");
            var offline = new OfflineModel(
                    vertx, llm.offline().latency(), llm.offline().failureRate(), catalog);
            return new MeteredModel(offline, OfflineModel.NAME, metrics.models());
        }
        var endpoint = llm.baseUrl() == null ? OpenAiModel.DEFAULT_BASE_URL : llm.baseUrl();
        var engine = "OpenAI-compatible at " + endpoint.getHost();
        use("llm", engine);
        namePool(metrics, endpoint, "llm");
        var settings = new OpenAiModel.Settings(OPENAI, endpoint, llm.apiKey(), llm.concurrency(), true);
        var model = new OpenAiModel(vertx, settings, catalog, metrics.models());
        var probed = new OpenAiModel(vertx, settings.alone(), catalog, metrics.models());
        var watched = new WatchedModel(vertx, model, probed, llm.timeout(), engine, health, metrics);
        closer.add("llm", CLOSE, () -> {
            watched.close();
            return Future.join(model.close(), probed.close()).mapEmpty();
        });
        return new MeteredModel(watched, OPENAI, metrics.models());
    }

    private static boolean isOffline(TaskPilotConfig.Llm llm) {
        return llm.provider() == null
                ? llm.apiKey() == null && llm.baseUrl() == null
                : llm.provider() == TaskPilotConfig.Llm.Provider.OFFLINE;
    }

    private static void namePool(Metrics metrics, URI server, String name) {
        var port = server.getPort() >= 0 ? server.getPort() : "https".equals(server.getScheme()) ? 443 : 80;
        metrics.vertx().namePool(server.getHost(), port, name);
    }

    private Authentication authentication() {
        return callers().withMetricsToken(config.auth().metricsToken());
    }

    private Authentication callers() {
        var auth = config.auth();
        if (auth.mode() == TaskPilotConfig.Auth.Mode.NONE) {
            return Authentication.none();
        }
        var file = Objects.requireNonNull(auth.keysFile(), "auth.keysFile"); // the configuration's checks saw to both
        var secret = Objects.requireNonNull(auth.secret(), "auth.secret");
        try {
            var keys = Files.readString(file);
            return configured(
                    "auth.keysFile: %s: ".formatted(file), () -> Authentication.keys(ApiKeys.parse(keys, secret)));
        } catch (IOException e) {
            throw new ConfigException(List.of("auth.keysFile: %s can't be read".formatted(file)));
        }
    }

    /** A fail-over lost what was committed: whatever this process did next would build on what is not there. */
    private static void historyWentBack(String detail) {
        log.error("the database lost committed history, stopping detail={}", detail);
        Logging.flush(LAST_WORDS); // briefly: until the halt the other loops act on what is not there
        Runtime.getRuntime().halt(1); // no drain: that would too
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

package io.taskpilot.gateway;

import io.taskpilot.config.TaskPilotConfig.Http;
import io.taskpilot.config.TaskPilotConfig.Limits;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.Runs;
import io.taskpilot.telemetry.EventLoops;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The API of this server, and its management port. What it is built from is shared by all its event loops; it holds no
 * state of a run.
 */
public final class Gateway {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Vertx vertx;
    private final Http http;
    private final Authentication authentication;
    private final Runs runs;
    private final RunReader reader;
    private final PolicyEngine policy;
    private final HealthRegistry health;
    private final Metrics metrics;
    private final String version;
    private final Duration patience;
    private final Streams streams;
    private final EventLoops loops;
    private final Submissions submissions;
    private final Documents documents;
    private final AtomicInteger connections = new AtomicInteger();
    private final List<String> deployments = new CopyOnWriteArrayList<>();
    private volatile int port;
    private volatile int managementPort;

    /** @param version as {@code GET /} shows it */
    public Gateway(
            Vertx vertx,
            Http http,
            Limits limits,
            Authentication authentication,
            Runs runs,
            RunReader reader,
            PolicyEngine policy,
            HealthRegistry health,
            Metrics metrics,
            String version) {
        this(vertx, http, limits, authentication, runs, reader, policy, health, metrics, version, PATIENCE);
    }

    /** @param patience how long a reader may leave a stream full before it is closed */
    Gateway(
            Vertx vertx,
            Http http,
            Limits limits,
            Authentication authentication,
            Runs runs,
            RunReader reader,
            PolicyEngine policy,
            HealthRegistry health,
            Metrics metrics,
            String version,
            Duration patience) {
        this.vertx = vertx;
        this.http = http;
        this.authentication = authentication;
        this.runs = runs;
        this.reader = reader;
        this.policy = policy;
        this.health = health;
        this.metrics = metrics;
        this.version = version;
        this.patience = patience;
        streams = new Streams(metrics, http.maxConnections());
        loops = new EventLoops(metrics);
        submissions = new Submissions(this, limits.runsPerKey());
        documents = new Documents();
    }

    /**
     * Binds both ports; completes once both listen.
     *
     * @param instances event loops that serve the API
     */
    public Future<Void> start(int instances) {
        // of all ports that are left to the system, a negative one is the same for every instance
        var shared = http.port() == 0 ? -1 : http.port();
        var routes = new Routes(this);
        return vertx.deployVerticle(
                        () -> new GatewayVerticle(
                                this, routes::api, shared, http.host(), connections, bound -> port = bound),
                        new DeploymentOptions().setInstances(instances))
                .onSuccess(deployments::add)
                .compose(unused -> vertx.deployVerticle(management(routes)))
                .onSuccess(deployments::add)
                .mapEmpty();
    }

    /** Counts its own connections, so that probes get through when callers fill the API's. */
    private GatewayVerticle management(Routes routes) {
        return new GatewayVerticle(
                this,
                routes::management,
                http.managementPort(),
                http.managementHost(),
                new AtomicInteger(),
                bound -> managementPort = bound);
    }

    /** The port of the API, once started. */
    public int port() {
        return port;
    }

    public int managementPort() {
        return managementPort;
    }

    /**
     * Sends every stream's reader elsewhere and turns {@code /health/ready} to 503. Runs are still accepted, on
     * connections that end with the answer; new streams are not. Completes once every reader was told.
     */
    public Future<Void> drain() {
        health.draining();
        return streams.drain();
    }

    /** Stops listening and cuts what is still open. */
    public Future<Void> close() {
        var closed = new ArrayList<Future<Void>>();
        deployments.forEach(id -> closed.add(vertx.undeploy(id)));
        deployments.clear();
        return Future.join(closed).mapEmpty();
    }

    /** Open connections to the API. */
    AtomicInteger connections() {
        return connections;
    }

    Http http() {
        return http;
    }

    Authentication authentication() {
        return authentication;
    }

    Runs runs() {
        return runs;
    }

    RunReader reader() {
        return reader;
    }

    PolicyEngine policy() {
        return policy;
    }

    HealthRegistry health() {
        return health;
    }

    Metrics metrics() {
        return metrics;
    }

    String version() {
        return version;
    }

    Duration patience() {
        return patience;
    }

    Streams streams() {
        return streams;
    }

    EventLoops loops() {
        return loops;
    }

    Submissions submissions() {
        return submissions;
    }

    Documents documents() {
        return documents;
    }
}

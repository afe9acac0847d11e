package io.taskpilot.gateway;

import io.taskpilot.config.TaskPilotConfig.Http;
import io.taskpilot.config.TaskPilotConfig.Limits;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.Runs;
import io.taskpilot.telemetry.EventLoops;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/**
 * The API of this server, and its management port. What it is built from is shared by all its event loops; it holds no
 * state of a run.
 */
public final class Gateway {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration LAST_REQUESTS = Duration.ofMillis(500);
    private static final Duration LAST_ANSWERS = Duration.ofSeconds(5);

    private final Vertx vertx;
    private final Http http;
    private final Authentication authentication;
    private final Ingress ingress;
    private final Runs runs;
    private final RunReader reader;
    private final PolicyEngine policy;
    private final HealthRegistry health;
    private final Metrics metrics;
    private final String version;
    private final Duration patience;
    private final Trace trace;
    private final Streams streams;
    private final EventLoops loops;
    private final Submissions submissions;
    private final Documents documents;
    private final AtomicInteger connections = new AtomicInteger();
    private final List<String> deployments = new CopyOnWriteArrayList<>();
    private final List<GatewayVerticle> doors = new CopyOnWriteArrayList<>();
    private final Promise<Void> hurry = Promise.promise();
    private volatile int port;
    private volatile int managementPort;

    /**
     * @param version as {@code GET /} shows it
     * @param trace where no request's trace has begun yet
     */
    public Gateway(
            Vertx vertx,
            Http http,
            Limits limits,
            Authentication authentication,
            Ingress ingress,
            Runs runs,
            RunReader reader,
            PolicyEngine policy,
            HealthRegistry health,
            Metrics metrics,
            String version,
            Trace trace) {
        this(
                vertx,
                http,
                limits,
                authentication,
                ingress,
                runs,
                reader,
                policy,
                health,
                metrics,
                version,
                PATIENCE,
                trace);
    }

    /**
     * Without traces.
     *
     * @param patience how long a reader may leave a stream full before it is closed
     */
    Gateway(
            Vertx vertx,
            Http http,
            Limits limits,
            Authentication authentication,
            Ingress ingress,
            Runs runs,
            RunReader reader,
            PolicyEngine policy,
            HealthRegistry health,
            Metrics metrics,
            String version,
            Duration patience) {
        this(
                vertx,
                http,
                limits,
                authentication,
                ingress,
                runs,
                reader,
                policy,
                health,
                metrics,
                version,
                patience,
                Trace.NONE);
    }

    private Gateway(
            Vertx vertx,
            Http http,
            Limits limits,
            Authentication authentication,
            Ingress ingress,
            Runs runs,
            RunReader reader,
            PolicyEngine policy,
            HealthRegistry health,
            Metrics metrics,
            String version,
            Duration patience,
            Trace trace) {
        this.vertx = vertx;
        this.trace = trace;
        this.http = http;
        this.authentication = authentication;
        this.ingress = ingress;
        this.runs = runs;
        this.reader = reader;
        this.policy = policy;
        this.health = health;
        this.metrics = metrics;
        this.version = version;
        this.patience = patience;
        streams = new Streams(metrics, http.maxConnections());
        loops = metrics.loops();
        submissions = new Submissions(this, limits.runsPerKey());
        documents = new Documents();
    }

    /**
     * Binds both ports; completes once both listen.
     *
     * @param instances event loops that serve the API; 0 leaves it out, and opens the management port alone
     */
    public Future<Void> start(int instances) {
        var routes = new Routes(this);
        return api(routes, instances)
                .compose(unused -> vertx.deployVerticle(management(routes)))
                .onSuccess(deployments::add)
                .mapEmpty();
    }

    private Future<Void> api(Routes routes, int instances) {
        if (instances == 0) {
            return Future.succeededFuture();
        }
        // of all ports that are left to the system, a negative one is the same for every instance
        var shared = http.port() == 0 ? -1 : http.port();
        Supplier<GatewayVerticle> door = () -> {
            var verticle =
                    new GatewayVerticle(this, routes::api, shared, http.host(), connections, bound -> port = bound);
            doors.add(verticle);
            return verticle;
        };
        return vertx.deployVerticle(door, new DeploymentOptions().setInstances(instances))
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
     * Turns {@code /health/ready} to 503 and serves on, on connections that end with the answer, for {@code accept}: so
     * long a load balancer may still send requests here. Then the API listens no more, every stream's reader is sent
     * elsewhere, and what is being answered gets 5 s to end. The management port stays open.
     *
     * @param stopListening on the API's port, and goes on serving whom it accepted
     */
    public Future<Void> drain(Duration accept, IntFunction<Future<Void>> stopListening) {
        health.draining();
        var over = accept.isZero()
                ? Future.<Void>succeededFuture()
                : served(accept).compose(unused -> close(stopListening));
        // readers before the shutdown, which would cut a WebSocket without a word
        return over.compose(unused -> streams.drain())
                .compose(unused -> Future.join(
                        doors.stream().map(door -> door.shutdown(LAST_ANSWERS)).toList()))
                .mapEmpty();
    }

    /** For a Vert.x that can only stop listening and serving at once. */
    Future<Void> drain(Duration accept) {
        return drain(accept, unused -> Future.succeededFuture());
    }

    private Future<Void> served(Duration accept) {
        return Future.any(vertx.timer(accept.toMillis(), TimeUnit.MILLISECONDS), hurry.future())
                .mapEmpty();
    }

    /** Listens no more, and waits for the requests of those who had just connected. */
    private Future<Void> close(IntFunction<Future<Void>> stopListening) {
        return stopListening
                .apply(port)
                .compose(unused -> vertx.timer(LAST_REQUESTS.toMillis(), TimeUnit.MILLISECONDS))
                .mapEmpty();
    }

    /** Ends the time in which a draining server still serves. */
    public void hurry() {
        hurry.tryComplete();
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

    Ingress ingress() {
        return ingress;
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

    /** Where no request's trace has begun yet. */
    Trace trace() {
        return trace;
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

package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.LogScope;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Mounts endpoints. What holds for every one of them stands here, in the order it is checked: who calls, what the key
 * and policy let them do, the type of the body, its size. Only then is the body read and the resource asked.
 */
final class Endpoints {
    private static final int BODY_BYTES = 1 << 20;
    private static final long BODY_MILLIS = 30_000;
    private static final String CALLER = "caller";

    /** Answers a request, or fails; the failure is answered for it. */
    @FunctionalInterface
    interface Handling extends Function<RoutingContext, Future<Void>> {}

    record Endpoint(HttpMethod method, String path) {}

    private final Router router;
    private final Gateway gateway;
    private final Departures departures;
    private final List<Endpoint> mounted = new ArrayList<>();

    Endpoints(Router router, Gateway gateway) {
        this.router = router;
        this.gateway = gateway;
        departures = new Departures(gateway.health()::isDraining);
        var problems = new ProblemHandler();
        router.route().handler(new RequestId()).failureHandler(problems);
        router.route().handler(new Accesses(gateway.trace()));
        router.route().handler(this::always);
        router.errorHandler(404, problems);
        router.errorHandler(405, ctx -> {
            ctx.response().putHeader("allow", allowed(ctx.normalizedPath()));
            problems.handle(ctx);
        });
    }

    /** Anyone may ask: nothing here is about a run. */
    void open(String path, Handling handling) {
        get(path);
        router.get(path).handler(ctx -> {
            Accesses.route(ctx, Operation.of(HttpMethod.GET, path));
            run(ctx, handling);
        });
    }

    /** For operators of this server, on its management port: see {@link Operators}. */
    void operator(HttpMethod method, String path, Handling handling) {
        mounted.add(new Endpoint(method, path));
        var operators = new Operators(gateway.authentication());
        var operation = Operation.of(method, path);
        router.route(method, path).handler(ctx -> {
            Accesses.route(ctx, operation);
            identify(ctx, operators.caller(ctx.request()));
            ctx.next();
        });
        if (!method.equals(HttpMethod.GET)) {
            router.route(method, path).handler(Endpoints::refuseOtherTypes);
            router.route(method, path).handler(BodyHandler.create(false).setBodyLimit(BODY_BYTES));
        }
        router.route(method, path).handler(ctx -> run(ctx, handling));
    }

    void get(String path, Scope scope, Handling handling) {
        get(path);
        admit(router.get(path), HttpMethod.GET, path, scope);
        router.get(path).handler(ctx -> run(ctx, handling));
    }

    /** An upgrade; any key may ask, each frame is checked for its scope. Only another site is kept out. */
    void socket(String path, Handling handling) {
        get(path);
        admit(router.get(path), HttpMethod.GET, path, null);
        router.get(path).handler(ctx -> run(ctx, handling));
    }

    void post(String path, Scope scope, Handling handling) {
        mounted.add(new Endpoint(HttpMethod.POST, path));
        admit(router.post(path), HttpMethod.POST, path, scope);
        router.post(path).handler(Endpoints::refuseOtherTypes);
        router.post(path).handler(Endpoints::limitWait);
        router.post(path).handler(BodyHandler.create(false).setBodyLimit(BODY_BYTES));
        router.post(path).handler(ctx -> run(ctx, handling));
    }

    private void get(String path) {
        mounted.add(new Endpoint(HttpMethod.GET, path));
    }

    /** Everything that was mounted, in order. */
    List<Endpoint> mounted() {
        return List.copyOf(mounted);
    }

    static Caller caller(RoutingContext ctx) {
        return ctx.<Caller>get(CALLER);
    }

    /** Null when nobody was found to have asked. */
    static @Nullable Caller callerOrNull(RoutingContext ctx) {
        return ctx.get(CALLER);
    }

    /** The body; an empty one reads as an empty object when {@code optional}. */
    static Map<String, Object> body(RoutingContext ctx, boolean optional) {
        var buffer = ctx.body().buffer();
        if (optional && (buffer == null || buffer.length() == 0)) {
            return Map.of();
        }
        return StrictJson.object(buffer == null ? new byte[0] : buffer.getBytes());
    }

    private void always(RoutingContext ctx) {
        if (ctx.request().version() == HttpVersion.HTTP_2) {
            departures.count(ctx);
        } else if (gateway.health().isDraining()) {
            endConnection(ctx);
        }
        ctx.response().putHeader("cache-control", "no-store").putHeader("x-content-type-options", "nosniff");
        ctx.next();
    }

    /** The caller's next request is to find another server. */
    private static void endConnection(RoutingContext ctx) {
        if (!"websocket".equalsIgnoreCase(ctx.request().getHeader("upgrade"))) {
            ctx.response().putHeader("connection", "close");
        }
    }

    private void admit(Route route, HttpMethod method, String path, @Nullable Scope scope) {
        var operation = Operation.of(method, path);
        route.handler(ctx -> admit(ctx, operation, scope));
    }

    /** The body waits on the socket while policy is asked, or a denial recorded. */
    private void admit(RoutingContext ctx, Operation operation, @Nullable Scope scope) {
        Accesses.route(ctx, operation);
        var caller = identified(ctx);
        identify(ctx, caller);
        var trace = gateway.trace().current();
        var admitted = gateway.ingress().admit(operation, scope, caller, RequestId.of(ctx), trace);
        if (admitted.isComplete()) {
            go(ctx, admitted);
            return;
        }
        ctx.request().pause();
        admitted.onComplete(unused -> {
            go(ctx, admitted);
            ctx.request().resume(); // once there is somebody to read it
        });
    }

    private static void identify(RoutingContext ctx, Caller caller) {
        ctx.put(CALLER, caller);
        LogScope.add(Map.of(LogScope.USER_ID, LogScope.user(caller.id())));
    }

    private Caller identified(RoutingContext ctx) {
        try {
            return gateway.authentication().caller(ctx.request());
        } catch (Failure failure) {
            gateway.metrics().governance().unauthenticated(failure.slug());
            throw failure;
        }
    }

    private static void go(RoutingContext ctx, Future<Void> admitted) {
        if (admitted.succeeded()) {
            ctx.next();
        } else {
            ctx.fail(admitted.cause());
        }
    }

    private static void refuseOtherTypes(RoutingContext ctx) {
        var request = ctx.request();
        var type = request.getHeader("content-type");
        var length = request.getHeader("content-length");
        var hasBody = request.headers().contains("transfer-encoding") || (length != null && !length.equals("0"));
        var wrong = type == null ? hasBody ? "missing" : null : mistake(type);
        if (wrong != null) {
            var detail = "Content-Type: " + wrong + " (expected: application/json, in UTF-8)";
            throw Failure.of(Failure.Kind.UNSUPPORTED, "caller-unsupported-type", detail);
        }
        ctx.next();
    }

    private static @Nullable String mistake(String type) {
        var parts =
                type.toLowerCase(Locale.ROOT).replace(" ", "").replace("\"", "").split(";", 3);
        if (!parts[0].equals(Accept.JSON)) {
            return "not JSON";
        }
        return parts.length == 1 || parts[1].equals("charset=utf-8") ? null : "a parameter that is not charset=utf-8";
    }

    /** A body that trickles in holds a connection for so long and no longer. */
    private static void limitWait(RoutingContext ctx) {
        var timer = ctx.vertx().setTimer(BODY_MILLIS, unused -> ctx.response().reset());
        ctx.addEndHandler(unused -> ctx.vertx().cancelTimer(timer));
        ctx.put("body-timer", timer);
        ctx.next();
    }

    private static void run(RoutingContext ctx, Handling handling) {
        Long timer = ctx.get("body-timer");
        if (timer != null) {
            ctx.vertx().cancelTimer(timer);
        }
        handling.apply(ctx).onFailure(ctx::fail);
    }

    private String allowed(String path) {
        var methods = new TreeSet<String>();
        for (var endpoint : mounted) {
            if (path.matches(endpoint.path().replaceAll(":[a-z]+", "[^/]+") + "/?")) {
                methods.add(endpoint.method().name());
            }
        }
        return String.join(", ", methods);
    }
}

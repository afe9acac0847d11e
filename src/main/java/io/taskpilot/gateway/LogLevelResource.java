package io.taskpilot.gateway;

import io.taskpilot.telemetry.LogLevels;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;

/** How much is logged, shown and changed without a restart. */
final class LogLevelResource {
    private static final String PATH = "/log-level";

    void mount(Endpoints endpoints) {
        endpoints.operator(HttpMethod.GET, PATH, this::show);
        endpoints.operator(HttpMethod.PUT, PATH, this::change);
    }

    private Future<Void> show(RoutingContext ctx) {
        return Answer.json(ctx, 200, Map.of("level", LogLevels.now()));
    }

    private Future<Void> change(RoutingContext ctx) {
        var in = Fields.ofBody(Endpoints.body(ctx, false));
        var level = in.word("level", LogLevels.WORDS, word -> word);
        if (level == null) {
            in.required("level", LogLevels.WORDS);
        }
        in.done();
        LogLevels.change(String.valueOf(level), Endpoints.caller(ctx).id());
        return show(ctx);
    }
}

package io.taskpilot.engine;

import io.taskpilot.telemetry.EventLoops;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;

/** Lends its event loop to the drivers. */
final class AgentVerticle extends VerticleBase {
    private final Drivers drivers;
    private final EventLoops loops;

    AgentVerticle(Drivers drivers, EventLoops loops) {
        this.drivers = drivers;
        this.loops = loops;
    }

    @Override
    public Future<?> start() {
        loops.sample(vertx);
        drivers.enlist(context);
        return Future.succeededFuture();
    }

    @Override
    public Future<?> stop() {
        loops.stop();
        return Future.succeededFuture();
    }
}

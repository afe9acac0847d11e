package io.taskpilot.engine;

import io.vertx.core.Future;
import io.vertx.core.VerticleBase;

/** Lends its event loop to the drivers. */
final class AgentVerticle extends VerticleBase {
    private final Drivers drivers;

    AgentVerticle(Drivers drivers) {
        this.drivers = drivers;
    }

    @Override
    public Future<?> start() {
        drivers.enlist(context);
        return Future.succeededFuture();
    }
}

package io.taskpilot.gateway;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.function.Function;

/** A long answer that is written in parts, at the reader's pace. The head goes out with the first part. */
final class Export {
    private final HttpServerResponse response;
    private final Outlet outlet;
    private final Buffer head;

    private Export(HttpServerResponse response, Outlet outlet, Buffer head) {
        this.response = response;
        this.outlet = outlet;
        this.head = head;
    }

    /** @param head what comes before the first part */
    static Export open(Gateway gateway, RoutingContext ctx, String type, String head) {
        gateway.streams().requireRoom();
        var outlet = new Outlet(ctx.vertx(), ctx.response(), gateway.patience());
        ctx.response().closeHandler(unused -> outlet.gone()).putHeader("content-type", type);
        return new Export(ctx.response(), outlet, Buffer.buffer(head));
    }

    /** Lets {@code parts} write, then ends the answer. Fails with it: a half-sent answer is then reset. */
    Future<Void> write(Function<Export, Future<Void>> parts) {
        return parts.apply(this).compose(unused -> write(Buffer.buffer())).compose(unused -> response.end());
    }

    /** Completes when the next part may come; fails when the reader left, or has not read for too long. */
    Future<Void> write(Buffer part) {
        if (outlet.isLost()) {
            return outlet.room();
        }
        if (!response.headWritten()) {
            response.setChunked(true).write(head);
        }
        response.write(part);
        return outlet.room();
    }
}

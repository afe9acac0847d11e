package io.taskpilot.gateway;

import io.taskpilot.gateway.Outlet.ReaderLost;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A long answer that is written in parts, at the reader's pace. The head goes out with the first part. */
final class Export {
    private static final Logger log = LoggerFactory.getLogger(Export.class);

    private final Gateway gateway;
    private final RoutingContext ctx;
    private final HttpServerResponse response;
    private final Outlet outlet;
    private final Buffer head;

    /** @param head what comes before the first part */
    Export(Gateway gateway, RoutingContext ctx, String type, String head) {
        gateway.streams().requireRoomToTheEnd();
        this.gateway = gateway;
        this.ctx = ctx;
        this.head = Buffer.buffer(head);
        response = ctx.response();
        outlet = new Outlet(ctx.vertx(), gateway.patience());
        response.closeHandler(unused -> outlet.gone()).putHeader("content-type", type);
    }

    /** Lets {@code parts} write, then ends the answer. Fails with it: a half-sent answer is then reset. */
    Future<Void> write(Function<Export, Future<Void>> parts) {
        return parts.apply(this)
                .compose(unused -> write(Buffer.buffer()))
                .compose(unused -> response.end())
                .recover(cause -> cause instanceof ReaderLost lost ? cut(lost) : Future.failedFuture(cause));
    }

    private Future<Void> cut(ReaderLost lost) {
        log.info("export cut request_id={} reason={}", RequestId.of(ctx), lost.reason());
        gateway.metrics().streams().exportCut(lost.reason());
        response.reset();
        return Future.succeededFuture();
    }

    /** Completes when the next part may come; fails when the reader left, or has not read for too long. */
    Future<Void> write(Buffer part) {
        if (outlet.isLost()) {
            return outlet.room();
        }
        if (response.headWritten()) {
            return part.length() == 0 ? outlet.room() : outlet.wrote(part.length(), response.write(part));
        }
        var whole = head.copy().appendBuffer(part);
        return outlet.wrote(whole.length(), response.setChunked(true).write(whole));
    }
}

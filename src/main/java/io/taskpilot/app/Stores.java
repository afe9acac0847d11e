package io.taskpilot.app;

import io.taskpilot.engine.NodeSignals;
import io.taskpilot.engine.WatchedStore;
import io.taskpilot.journal.LocalPostgres;
import io.taskpilot.journal.NotifyTransport;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.objects.FileObjects;
import io.taskpilot.objects.S3Objects;
import io.taskpilot.redis.RedisTransport;
import io.taskpilot.resilience.BlockingIo;
import io.vertx.core.Vertx;
import java.io.IOException;

/** PostgreSQL, Redis and the object store of a server: those that are configured, or what does their job without. */
final class Stores {
    private final Site site;

    Stores(Site site) {
        this.site = site;
    }

    /** The configured database, or the one that lives in the data directory. */
    PostgresAddress postgres() throws IOException {
        var config = site.config();
        var external = config.postgres().url();
        if (external != null) {
            var address = PostgresAddress.parse(external);
            site.say("journal", "PostgreSQL at " + address.host() + ":" + address.port());
            return address;
        }
        var local = LocalPostgres.start(config.dataDir());
        site.closer().add("postgres", () -> {
            local.close();
            return null;
        });
        site.say("journal", "embedded PostgreSQL in " + config.dataDir().toAbsolutePath());
        return local.address();
    }

    /** Through Redis when there is one, else through the database. Neither has to be there: nodes also poll. */
    NodeSignals signals(Vertx vertx, PostgresAddress address) {
        var metrics = site.metrics().signals();
        var redis = site.config().redis().url();
        if (redis == null) {
            return new NodeSignals(vertx, new NotifyTransport(vertx, address), metrics, heard -> {});
        }
        var health = site.health();
        site.say("signals", "Redis pub/sub");
        health.optional("redis");
        health.down("redis", "not connected yet");
        var transport = Site.configured("redis.url: ", () -> new RedisTransport(vertx, redis));
        return new NodeSignals(vertx, transport, metrics, heard -> {
            if (heard) {
                health.up("redis", "answers");
            } else {
                health.down("redis", "does not answer: nodes find each other's news by polling");
            }
        });
    }

    /** Where traces and copies of seals go. A store that does not answer keeps nobody from starting. */
    WatchedStore objects(Vertx vertx, BlockingIo blocking) {
        var config = site.config();
        var dependencies = site.metrics().dependencies();
        var url = config.s3().url();
        if (url == null) {
            var directory = config.dataDir().resolve("objects").toAbsolutePath();
            var engine = "files in " + directory;
            site.use("objects", engine);
            return new WatchedStore(new FileObjects(directory, blocking), site.health(), dependencies, engine);
        }
        var engine =
                "S3 at %s, bucket %s".formatted(url.getAuthority(), config.s3().bucket());
        site.use("objects", engine);
        var store = new S3Objects(vertx, blocking, config.s3());
        site.closer().add("objects", Site.CLOSE, store::close);
        return new WatchedStore(store, site.health(), dependencies, engine);
    }
}

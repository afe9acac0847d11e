package io.taskpilot.app;

import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.guardrail.RealNemo;
import io.taskpilot.objects.SeaweedFs;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.redis.TestRedis;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/** OPA, NeMo Guardrails, Redis and an S3 API, all of them real, each in a process of its own. */
final class RealEngines implements AutoCloseable {
    private final Deque<Closing> open = new ArrayDeque<>();

    private final OpaProcess opa;
    private final RealNemo nemo;
    private final TestRedis redis;
    private final SeaweedFs objects;

    @FunctionalInterface
    private interface Closing {
        void run() throws IOException;
    }

    /** Returns when all of them answer; skips the test when one is not installed. */
    RealEngines() throws Exception {
        try {
            opa = OpaProcess.start();
            open.push(opa::close);
            objects = SeaweedFs.start();
            open.push(objects::close);
            nemo = RealNemo.start(Path.of("conf/guardrails"));
            open.push(nemo::close);
            redis = new TestRedis("secret");
            open.push(redis::close);
        } catch (Exception | Error e) {
            close();
            throw e;
        }
    }

    /** By which a server is told of them. */
    Map<String, String> settings() {
        return Map.of(
                "TASKPILOT_OPA_URL",
                opa.url().toString(),
                "TASKPILOT_POLICY_INGRESS",
                "none", // else nobody could submit a run while OPA is away
                "TASKPILOT_POLICY_TIMEOUT",
                "10s", // a busy machine is no outage
                "TASKPILOT_GUARDRAILS_URL",
                nemo.url().toString(),
                "TASKPILOT_GUARDRAILS_TIMEOUT",
                "30s",
                "TASKPILOT_REDIS_URL",
                redis.url().value(),
                "TASKPILOT_S3_URL",
                objects.url().toString(),
                "TASKPILOT_S3_ACCESS_KEY",
                "local-access",
                "TASKPILOT_S3_SECRET_KEY",
                "local-secret");
    }

    /** Returns when the server has found them: the first check by the guardrails takes seconds. */
    static void awaitUp(TestServer server) throws Exception {
        for (var name : List.of("opa", "guardrails", "redis", "objects")) {
            new Vitals(server, name).awaitUp();
        }
    }

    URI opa() {
        return opa.url();
    }

    URI guardrails() {
        return nemo.url();
    }

    SeaweedFs objects() {
        return objects;
    }

    /** @param name as metrics and health have it */
    Victim victim(String name) {
        return switch (name) {
            case "opa" -> Victim.of(opa);
            case "guardrails" -> Victim.of(nemo);
            case "redis" -> Victim.of(redis);
            case "objects" -> Victim.of(objects);
            default -> throw new IllegalArgumentException(name);
        };
    }

    @Override
    public void close() throws IOException {
        while (!open.isEmpty()) {
            open.pop().run();
        }
    }
}

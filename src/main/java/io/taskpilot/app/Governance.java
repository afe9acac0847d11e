package io.taskpilot.app;

import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.engine.Guardrails;
import io.taskpilot.engine.IngressPolicy;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.gateway.Ingress;
import io.taskpilot.guardrail.EmbeddedGuardrails;
import io.taskpilot.guardrail.NemoGuardrails;
import io.taskpilot.journal.PgJournal;
import io.taskpilot.policy.OpaServerEngine;
import io.taskpilot.policy.ShadowedPolicy;
import io.taskpilot.policy.WasmPolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.PoolOptions;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The control points of a server: the policy of tool calls and of the API, and the rails. */
final class Governance {
    private static final Logger log = LoggerFactory.getLogger(Governance.class);
    private static final int OPA_CONNECTIONS = 32;
    private static final int OPA_WAITING = 4_096;
    private static final Duration WARM_UP = Duration.ofSeconds(2);

    private final Site site;
    private final TaskPilotConfig config;
    private final Vertx vertx;
    private final BlockingIo blocking;

    Governance(Site site, Vertx vertx, BlockingIo blocking) {
        this.site = site;
        this.config = site.config();
        this.vertx = vertx;
        this.blocking = blocking;
    }

    /** One engine has both; a policy on trial stands beside the first alone. */
    record Policies(PolicyEngine toolCalls, IngressPolicy ingress) {}

    /** Of the OPA server that is configured, else of the module in the policy's directory. */
    Policies policies() {
        var opa = config.opa().url();
        if (opa != null) {
            var server = opa(opa);
            return new Policies(server, server);
        }
        return Site.configured("", () -> {
            var embedded = WasmPolicyEngine.open(config.confDir().resolve("policy"), blocking)
                    .recover(Governance::orAnOpaServer)
                    .await();
            site.use("policy", "embedded (Rego as WebAssembly), revision " + embedded.revision());
            return new Policies(embedded, asksIngress() ? embedded.withIngress() : embedded);
        });
    }

    /** Whoever has no module for this server may do without one; nothing else that loads a policy can. */
    private static Future<WasmPolicyEngine> orAnOpaServer(Throwable cause) {
        return Future.failedFuture(
                cause instanceof Failure failure
                        ? Failure.of(
                                failure.kind(),
                                failure.slug(),
                                failure.detail() + ", or set opa.url to use an OPA server",
                                failure)
                        : cause);
    }

    private boolean asksIngress() {
        return config.policy().ingress() == TaskPilotConfig.IngressMode.ENFORCE;
    }

    /** Judges calls of the API, and chains what was decided, unless scopes alone are to decide. */
    Ingress ingress(IngressPolicy policy, PgJournal journal) {
        if (!asksIngress()) {
            log.info("scopes alone decide who may call what setting=policy.ingress=none");
            return Ingress.off();
        }
        var metrics = site.metrics().governance();
        var chain = journal.ingressChain(metrics::ingressCommitted);
        site.closer().add("ingress-chain", () -> {
            chain.close();
            return null;
        });
        var keys = config.auth().mode() == TaskPilotConfig.Auth.Mode.KEYS;
        return Ingress.enforce(policy, chain, keys, config.environment(), metrics);
    }

    /** The policy itself, or beside it the one on trial. */
    PolicyEngine shadowed(PolicyEngine policy) {
        var candidate = config.policy().candidate();
        if (config.policy().mode() != TaskPilotConfig.PolicyMode.SHADOW || candidate == null) {
            return policy;
        }
        var own = new BlockingIo(vertx, "policy-candidate", 1);
        site.closer().add("policy-candidate", Site.CLOSE, own::close);
        var shadowed = Site.configured(
                "",
                () -> ShadowedPolicy.open(policy, candidate, own, site.metrics())
                        .await());
        site.say(
                "candidate",
                "revision %s, on trial: recorded, decides nothing".formatted(shadowed.candidateRevision()));
        return shadowed;
    }

    private OpaServerEngine opa(URI url) {
        var pool = new PoolOptions().setHttp1MaxSize(OPA_CONNECTIONS).setMaxWaitQueueSize(OPA_WAITING);
        var http = vertx.createHttpClient(new HttpClientOptions().setMetricsName("opa"), pool);
        site.namePool(url, "opa");
        var engine = new OpaServerEngine(vertx, http, url, config.policy().timeout(), site.health(), site.metrics());
        site.closer().add("opa", Site.CLOSE, () -> {
            engine.close();
            return http.close();
        });
        site.use("opa", "OPA server at " + url.getAuthority());
        return Site.configured("", () -> {
            var timeout = config.policy().timeout();
            var patience = timeout.compareTo(WARM_UP) > 0 ? timeout : WARM_UP;
            var answer = asksIngress() ? engine.warmUpWithIngress(patience) : engine.warmUp(patience);
            answer.onSuccess(revision -> log.info("policy answers revision={}", revision))
                    .recover(error -> error instanceof IllegalArgumentException
                            ? Future.failedFuture(error)
                            : Future.succeededFuture()) // the engine has logged why, and goes on asking
                    .await();
            return engine;
        });
    }

    private static void warnOfAllow(String direction, TaskPilotConfig.OnError onError) {
        if (onError == TaskPilotConfig.OnError.ALLOW) {
            log.warn("texts that can't be checked go on unchecked setting=guardrails.onError.{}=allow", direction);
        }
    }

    private void nameStreaming(Streaming stream) {
        if (stream.mode() == Streaming.StreamMode.WINDOW) {
            site.say("answers", "seen while they are written, %d characters behind".formatted(stream.window()));
        } else if (stream.mode() == Streaming.StreamMode.AUDIT) {
            site.say("answers", "seen while they are written, unchecked: not fail-closed");
            log.warn("answers are seen before a rail has judged them: not fail-closed setting=guardrails.stream=audit");
        }
    }

    Guardrails guardrails() throws IOException {
        var onErrors = config.guardrails().onError();
        warnOfAllow("input", onErrors.input());
        warnOfAllow("output", onErrors.output());
        warnOfAllow("toolResult", onErrors.toolResult());
        nameStreaming(config.guardrails().stream());
        var directory = config.confDir().resolve("guardrails/taskpilot");
        var url = config.guardrails().url();
        if (url == null) {
            var embedded = rails(directory);
            site.use("guardrails", "embedded (model-free rails only)");
            return embedded;
        }
        var pure = EmbeddedGuardrails.understands(directory);
        var nemo = new NemoGuardrails(vertx, url, config.guardrails().timeout(), pure, site.health(), site.metrics());
        site.closer().add("guardrails", Site.CLOSE, nemo::close);
        site.namePool(url, "guardrails");
        site.use("guardrails", "NeMo Guardrails server at " + url.getAuthority());
        nemo.start().await();
        return nemo;
    }

    private EmbeddedGuardrails rails(Path directory) {
        return Site.configured("", () -> {
            try {
                return EmbeddedGuardrails.load(directory, blocking);
            } catch (IOException e) {
                throw new IllegalArgumentException("%s can't be read: %s".formatted(directory, e), e);
            }
        });
    }
}

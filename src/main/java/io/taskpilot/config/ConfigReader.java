package io.taskpilot.config;

import static io.taskpilot.config.TaskPilotConfig.OnError.FAIL;
import static io.taskpilot.config.TaskPilotConfig.OnError.WAIT;
import static io.taskpilot.config.Type.bucket;
import static io.taskpilot.config.Type.duration;
import static io.taskpilot.config.Type.flag;
import static io.taskpilot.config.Type.fraction;
import static io.taskpilot.config.Type.integer;
import static io.taskpilot.config.Type.jsonPaths;
import static io.taskpilot.config.Type.names;
import static io.taskpilot.config.Type.oneOf;
import static io.taskpilot.config.Type.path;
import static io.taskpilot.config.Type.secretUrl;
import static io.taskpilot.config.Type.someOf;
import static io.taskpilot.config.Type.streaming;
import static io.taskpilot.config.Type.text;
import static io.taskpilot.config.Type.url;

import io.taskpilot.config.TaskPilotConfig.Auth;
import io.taskpilot.config.TaskPilotConfig.Guardrails.OnErrors;
import io.taskpilot.config.TaskPilotConfig.IngressMode;
import io.taskpilot.config.TaskPilotConfig.Llm;
import io.taskpilot.config.TaskPilotConfig.Log;
import io.taskpilot.config.TaskPilotConfig.OnDeny;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.config.TaskPilotConfig.Policy;
import io.taskpilot.config.TaskPilotConfig.PolicyMode;
import io.taskpilot.config.TaskPilotConfig.Role;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import java.net.URI;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Every key, its default and its bounds, in the order of the record. */
final class ConfigReader {
    private static final String SECRETS = "$..password,$..secret,$..token,$..authorization,$..api_key";
    private static final Type<Secret> ANY = Type.secret(Pattern.compile("\\S+"), "a key");
    private static final Type<Secret> LONG = Type.secret(Pattern.compile(".{32,}"), "32 characters or more");
    private static final Type<Secret> POSTGRES =
            Type.secret(Pattern.compile("postgres(ql)?://\\S+"), "postgresql://user:password@host:port/database");
    private static final Type<Secret> REDIS =
            Type.secret(Pattern.compile("rediss?://\\S+"), "redis://user:password@host:port/database");
    private static final Type<Secret> WEBHOOK =
            Type.secret(Pattern.compile("whsec_[A-Za-z0-9+/]{32,}={0,2}"), "whsec_ and base64 of 24 to 64 bytes");

    private enum Level {
        TRACE,
        DEBUG,
        INFO,
        WARN,
        ERROR
    }

    private final Settings in;

    ConfigReader(Settings in) {
        this.in = in;
    }

    /** @param confDir the one that was found */
    TaskPilotConfig read(Path confDir) {
        return new TaskPilotConfig(
                in.get("environment", text(), "development"),
                in.get("dataDir", path(), "data"),
                in.get("confDir", path(), confDir.toString()),
                Set.copyOf(in.get("roles", someOf(EnumSet.allOf(Role.class)), "gateway,agents")),
                http(),
                auth(),
                new TaskPilotConfig.Limits(
                        in.get("limits.runs", integer(1, 100_000), "2000"),
                        in.get("limits.queue", integer(0, 1_000_000), "10000"),
                        in.get("limits.runsPerKey", integer(1, 100_000), "1000"),
                        in.get("limits.toolCalls", integer(1, 100), "8")),
                new TaskPilotConfig.Drain(
                        in.get("drain.accept", duration("0s", "60s"), "5s"),
                        in.get("drain.grace", duration("0s", "10m"), "45s")),
                new TaskPilotConfig.Postgres(
                        in.secret("postgres.url", POSTGRES), in.get("postgres.poolSize", integer(2, 200), "10")),
                new TaskPilotConfig.Redis(in.secret("redis.url", REDIS)),
                s3(),
                new TaskPilotConfig.Archive(
                        in.get("archive.after", duration("0s", "1d"), "1m"),
                        in.get("archive.every", duration("100ms", "1h"), "30s")),
                new TaskPilotConfig.Retention(
                        in.get("retention.journal", duration("1d", "3650d"), "90d"),
                        in.get("retention.archive", duration("1d", "3650d"), "365d")),
                llm(),
                new Policy(
                        in.get("policy.onError", oneOf(EnumSet.of(FAIL, WAIT)), "fail"),
                        in.get("policy.onDeny", oneOf(EnumSet.allOf(OnDeny.class)), "reject"),
                        in.get("policy.timeout", duration("10ms", "10s"), "250ms"),
                        in.get("policy.mode", oneOf(EnumSet.allOf(PolicyMode.class)), "enforce"),
                        in.find("policy.candidate", path()),
                        in.get("policy.ingress", oneOf(EnumSet.allOf(IngressMode.class)), "enforce")),
                new TaskPilotConfig.Opa(in.find("opa.url", url())),
                guardrails(),
                new TaskPilotConfig.Approvals(
                        in.get("approvals.ttl", duration("1s", "30d"), "1h"),
                        in.get("approvals.roles", names(), "approver"),
                        announcement()),
                new TaskPilotConfig.Decisions(
                        in.secret("decisions.chainKey", LONG),
                        new Redaction(in.get("decisions.redact", jsonPaths(), SECRETS)),
                        in.get("decisions.arguments", flag(), "false")),
                new TaskPilotConfig.Tools(webhooks()),
                new Log(
                        in.get("log.level", oneOf(EnumSet.allOf(Level.class)), "info")
                                .name(),
                        in.find("log.format", oneOf(EnumSet.allOf(Log.Format.class))),
                        in.find("log.access", flag()),
                        in.find("log.decisions", flag())),
                new TaskPilotConfig.Telemetry(in.get("telemetry.genai", flag(), "false"), in.variables("OTEL_")));
    }

    private TaskPilotConfig.S3 s3() {
        var url = in.find("s3.url", url());
        var bucket = in.get("s3.bucket", bucket(), "taskpilot");
        var region = in.get("s3.region", text(), "us-east-1");
        var accessKey = in.secret("s3.accessKey", ANY);
        var secretKey = in.secret("s3.secretKey", ANY);
        return new TaskPilotConfig.S3(url, bucket, region, accessKey, secretKey);
    }

    private TaskPilotConfig.Http http() {
        return new TaskPilotConfig.Http(
                in.get("http.host", text(), "127.0.0.1"),
                in.get("http.port", integer(0, 65_535), "8000"),
                in.get("http.managementHost", text(), "127.0.0.1"),
                in.get("http.managementPort", integer(0, 65_535), "8081"),
                in.get("http.managementOnly", flag(), "false"),
                in.get("http.maxConnections", integer(1, 1_000_000), "10000"));
    }

    private Auth auth() {
        return new Auth(
                in.get("auth.mode", oneOf(EnumSet.allOf(Auth.Mode.class)), "none"),
                in.find("auth.keysFile", path()),
                in.secret("auth.secret", LONG),
                in.secret("auth.metricsToken", LONG));
    }

    private Llm llm() {
        return new Llm(
                in.find("llm.provider", oneOf(EnumSet.allOf(Llm.Provider.class))),
                in.find("llm.baseUrl", url()),
                in.secret("llm.apiKey", ANY),
                in.find("llm.model", text()),
                in.get("llm.timeout", duration("1s", "10m"), "60s"),
                in.get("llm.concurrency", integer(1, 100_000), "256"),
                new Llm.Offline(
                        in.get("llm.offline.latency", duration("0s", "60s"), "0s"),
                        in.get("llm.offline.failureRate", fraction(), "0")));
    }

    private TaskPilotConfig.Guardrails guardrails() {
        return new TaskPilotConfig.Guardrails(
                in.find("guardrails.url", url()),
                new OnErrors(
                        in.get("guardrails.onError.input", oneOf(EnumSet.allOf(OnError.class)), "fail"),
                        in.get("guardrails.onError.output", oneOf(EnumSet.allOf(OnError.class)), "fail"),
                        in.get("guardrails.onError.toolResult", oneOf(EnumSet.allOf(OnError.class)), "fail")),
                in.get("guardrails.timeout", duration("10ms", "30s"), "2s"),
                in.get("guardrails.stream", streaming(), "buffer"));
    }

    private Map<String, Webhook> webhooks() {
        var webhooks = new LinkedHashMap<String, Webhook>();
        for (var name : in.entries("tools.webhooks")) {
            var at = "tools.webhooks." + name + ".";
            var url = in.find(at + "url", secretUrl());
            var secret = in.secret(at + "secret", WEBHOOK);
            var previous = in.secret(at + "previousSecret", WEBHOOK);
            var idempotent = in.get(at + "idempotent", flag(), "false");
            var webhook = webhook(at, url, secret, previous, idempotent);
            if (webhook != null) {
                webhooks.put(name, webhook);
            }
            in.need(at + "url");
            in.need(at + "secret");
        }
        return Map.copyOf(webhooks);
    }

    /** Whoever is told twice of one approval knows it by its id. */
    private @Nullable Webhook announcement() {
        var at = "approvals.webhook.";
        var url = in.find(at + "url", secretUrl());
        var secret = in.secret(at + "secret", WEBHOOK);
        var previous = in.secret(at + "previousSecret", WEBHOOK);
        if (url != null) {
            in.need(at + "secret");
        }
        return webhook(at, url, secret, previous, true);
    }

    private @Nullable Webhook webhook(
            String at, @Nullable URI url, @Nullable Secret secret, @Nullable Secret previous, boolean idempotent) {
        var allowPrivate = in.get(at + "allowPrivate", flag(), "false");
        var timeout = in.get(at + "timeout", duration("1s", "60s"), "30s");
        return url == null || secret == null
                ? null
                : new Webhook(url, secret, previous, idempotent, allowPrivate, timeout);
    }
}

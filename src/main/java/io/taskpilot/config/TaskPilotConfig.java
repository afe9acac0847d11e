package io.taskpilot.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Everything that can be set. Keys are the paths of the components, in camelCase; the environment name of {@code
 * policy.onError} is {@code TASKPILOT_POLICY_ON_ERROR}.
 *
 * @param environment goes into the policy input and the logs, as in {@code production}
 * @param dataDir private to this server: the embedded PostgreSQL, the record of a running server
 * @param confDir where agents/, policy/, guardrails/ and models.yaml are
 * @param roles what this node does; never empty
 */
public record TaskPilotConfig(
        String environment,
        Path dataDir,
        Path confDir,
        Set<Role> roles,
        Http http,
        Auth auth,
        Limits limits,
        Drain drain,
        Postgres postgres,
        Redis redis,
        S3 s3,
        Archive archive,
        Retention retention,
        Llm llm,
        Policy policy,
        Opa opa,
        Guardrails guardrails,
        Approvals approvals,
        Decisions decisions,
        Tools tools,
        Log log,
        Telemetry telemetry) {

    /**
     * For a server that no load balancer knows: it does everything, listens on other ports (0 picks a free one), and is
     * gone as soon as it may.
     */
    public TaskPilotConfig unlisted(int port, int managementPort) {
        var ports = new Http(
                http.host, port, http.managementHost, managementPort, http.managementOnly, http.maxConnections);
        return new TaskPilotConfig(
                environment,
                dataDir,
                confDir,
                EnumSet.allOf(Role.class),
                ports,
                auth,
                limits,
                new Drain(Duration.ZERO, drain.grace),
                postgres,
                redis,
                s3,
                archive,
                retention,
                llm,
                policy,
                opa,
                guardrails,
                approvals,
                decisions,
                tools,
                log,
                telemetry);
    }

    /** What a node does. */
    public enum Role {
        /** Serves clients, and drives nothing. */
        GATEWAY,
        /** Drives runs, and listens on the management port only. */
        AGENTS
    }

    /**
     * @param port 0 picks a free one
     * @param managementPort 0 picks a free one
     * @param managementOnly {@code /health*} and {@code /metrics} answer on the management port alone
     */
    public record Http(
            String host,
            int port,
            String managementHost,
            int managementPort,
            boolean managementOnly,
            int maxConnections) {}

    /**
     * @param keysFile YAML list of keys with their hashes; needed in mode {@code KEYS}
     * @param secret keys the hashes (HMAC-SHA-256); needed in mode {@code KEYS}
     * @param metricsToken what {@code /metrics} asks for as a bearer token, in both modes; null asks for none
     */
    public record Auth(
            Mode mode,
            @Nullable Path keysFile,
            @Nullable Secret secret,
            @Nullable Secret metricsToken) {
        /** Who may call. */
        public enum Mode {
            NONE,
            KEYS
        }
    }

    /**
     * @param runs in flight on this node
     * @param queue accepted runs that wait for a node with room, over all nodes
     * @param runsPerKey in flight for one key
     * @param toolCalls per run
     */
    public record Limits(int runs, int queue, int runsPerKey, int toolCalls) {}

    /**
     * How this node stops.
     *
     * @param accept still takes new runs for so long, for others to drive
     * @param grace is given, in all, to started tool calls
     */
    public record Drain(Duration accept, Duration grace) {}

    /** @param url {@code postgresql://user:password@host:port/database?sslmode=...}; null starts the embedded one */
    public record Postgres(@Nullable Secret url, int poolSize) {}

    /** @param url {@code redis://user:password@host:port/database}, or {@code rediss}; null does without */
    public record Redis(@Nullable Secret url) {}

    /**
     * Where finished runs are archived.
     *
     * @param url of any S3 API, without the bucket; null keeps files under the data directory
     * @param accessKey needed with a URL, like {@code secretKey}
     */
    public record S3(
            @Nullable URI url,
            String bucket,
            String region,
            @Nullable Secret accessKey,
            @Nullable Secret secretKey) {}

    /**
     * @param journal at least that long the events and decisions of a finished run stay in PostgreSQL; whole months go
     * @param archive that long its trace is kept
     */
    public record Retention(Duration journal, Duration archive) {}

    /**
     * @param after how long after its end a run is archived
     * @param every between two looks for such runs, and at whether the store is there
     */
    public record Archive(Duration after, Duration every) {}

    /**
     * @param provider null chooses: {@code OPENAI} when a key or a base URL is there, else {@code OFFLINE}
     * @param baseUrl up to and with {@code /v1}
     * @param model replaces the model of every agent's file
     * @param timeout of one model call, retries included
     * @param concurrency model calls at a time on this node
     */
    public record Llm(
            @Nullable Provider provider,
            @Nullable URI baseUrl,
            @Nullable Secret apiKey,
            @Nullable String model,
            Duration timeout,
            int concurrency,
            Offline offline) {
        /** Whose model answers. */
        public enum Provider {
            OFFLINE,
            OPENAI
        }

        /** @param failureRate 0..1, of calls that fail as a provider would */
        public record Offline(Duration latency, double failureRate) {}
    }

    /** What happens to a run while an engine has no verdict. */
    public enum OnError {
        /** It ends {@code failed}. */
        FAIL,
        /** It waits, at most until its deadline. */
        WAIT,
        /** It goes on as if the verdict had been to allow. Guardrails only; logged at start. */
        ALLOW
    }

    /** What a deny of policy does. */
    public enum OnDeny {
        /** The run ends {@code rejected}. */
        REJECT,
        /** The agent is told, as a tool error, and goes on. */
        TELL
    }

    /** What is asked. The policy decides in both. */
    public enum PolicyMode {
        ENFORCE,
        /** A candidate is asked too, and what it says is recorded. */
        SHADOW
    }

    /** Whether policy is asked who may call what. */
    public enum IngressMode {
        /** Scopes alone decide. YAML would read "off" as false. */
        NONE,
        ENFORCE
    }

    /**
     * @param timeout of one decision
     * @param candidate a directory with a built policy; needed in mode {@code SHADOW}, not read in another
     */
    public record Policy(
            OnError onError,
            OnDeny onDeny,
            Duration timeout,
            PolicyMode mode,
            @Nullable Path candidate,
            IngressMode ingress) {}

    /** @param url of an OPA server that decides instead of the embedded engine, as in {@code http://127.0.0.1:8181} */
    public record Opa(@Nullable URI url) {}

    /**
     * @param url of a NeMo Guardrails server that checks instead of the embedded engine, as in {@code http://nemo:8000}
     * @param timeout of one check
     */
    public record Guardrails(@Nullable URI url, OnErrors onError, Duration timeout, Streaming stream) {
        /** By direction. */
        public record OnErrors(OnError input, OnError output, OnError toolResult) {}

        /**
         * When the text of an answer leaves that the model is still writing. The output rails judge the whole answer in
         * every mode, and that verdict alone decides what becomes of the run.
         *
         * @param window in mode {@code WINDOW}, how many UTF-16 units the text stays behind; else 0
         */
        public record Streaming(StreamMode mode, int window) {
            public static final Streaming BUFFER = new Streaming(StreamMode.BUFFER, 0);
            public static final Streaming AUDIT = new Streaming(StreamMode.AUDIT, 0);

            /** When text leaves. */
            public enum StreamMode {
                /** With the whole answer, once that has passed. */
                BUFFER,
                /** Once the rails have passed it with {@code window} characters before it and after it. */
                WINDOW,
                /** At once, judged by nobody yet; logged at start. */
                AUDIT
            }
        }
    }

    /**
     * @param ttl where policy does not say, 1 s to 30 days
     * @param roles who may answer, where policy does not say
     * @param webhook is told of each approval that waits for a person; null tells nobody
     */
    public record Approvals(Duration ttl, List<String> roles, Tools.@Nullable Webhook webhook) {}

    /**
     * @param chainKey keys the hash chains of the decision log (HMAC-SHA-256); null leaves them unkeyed
     * @param redact what of a tool call's arguments is shown nowhere but in its run
     * @param arguments whether decisions and announcements show the rest of them
     */
    public record Decisions(@Nullable Secret chainKey, Redaction redact, boolean arguments) {
        /** Shows no arguments, and hides nothing in what policy and people say of them. */
        public static Decisions plain(@Nullable Secret chainKey) {
            return new Decisions(chainKey, new Redaction(List.of()), false);
        }
    }

    /** @param webhooks destinations of {@code notify_external_system} by name; none: the tool is not offered */
    public record Tools(Map<String, Webhook> webhooks) {
        /**
         * @param secret {@code whsec_} and base64, as Standard Webhooks has it
         * @param previousSecret signs as well, while receivers change over to {@code secret}
         * @param idempotent the receiver drops a repeated {@code webhook-id}
         * @param allowPrivate permits private and loopback addresses
         * @param timeout of a call, 1 s to 60 s
         */
        public record Webhook(
                URI url,
                Secret secret,
                @Nullable Secret previousSecret,
                boolean idempotent,
                boolean allowPrivate,
                Duration timeout) {}
    }

    /**
     * @param format {@code null} chooses: text on a terminal, else ECS JSON
     * @param access a line for each request; null chooses: with JSON
     * @param decisions a line for each row of the decision log; null chooses: with JSON
     */
    public record Log(
            String level,
            @Nullable Format format,
            @Nullable Boolean access,
            @Nullable Boolean decisions) {
        /** How log lines look. */
        public enum Format {
            TEXT,
            JSON
        }
    }

    /**
     * @param genai whether the metrics of OpenTelemetry's GenAI conventions are recorded beside those of ours
     * @param otel the variables of the OpenTelemetry SDK, which reads them as it likes; they may hold credentials
     */
    public record Telemetry(boolean genai, Map<String, String> otel) {
        public Telemetry {
            otel = Map.copyOf(otel);
        }

        @Override
        public String toString() {
            return "Telemetry[genai=" + genai + ", otel=" + new TreeSet<>(otel.keySet()) + "]";
        }
    }
}

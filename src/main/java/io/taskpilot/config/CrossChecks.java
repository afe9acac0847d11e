package io.taskpilot.config;

import io.taskpilot.config.TaskPilotConfig.Auth;
import io.taskpilot.config.TaskPilotConfig.Llm;
import io.taskpilot.config.TaskPilotConfig.Role;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.util.Base64;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What one key alone can't tell: keys that don't go together, and what they point to. */
final class CrossChecks {
    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.[0-9]{1,3}){3}|::1|\\[::1]");

    private final Settings in;

    CrossChecks(Settings in) {
        this.in = in;
    }

    void check(TaskPilotConfig config) {
        if (!Files.isDirectory(config.confDir())) {
            in.mistake("confDir: %s (expected: a directory with agents/, policy/, guardrails/ and models.yaml)"
                    .formatted(config.confDir()));
        }
        if (config.auth().mode() == Auth.Mode.KEYS) {
            in.need("auth.keysFile");
            in.need("auth.secret");
        } else if (!LOOPBACK.matcher(config.http().host()).matches()) {
            in.mistake("http.host: '%s' (expected: a loopback address while auth.mode is none; either set http.host to "
                            .formatted(config.http().host())
                    + "127.0.0.1, or auth.mode to keys, with auth.keysFile and auth.secret)");
        }
        if (config.http().port() != 0 && config.http().port() == config.http().managementPort()) {
            in.mistake("http.managementPort: %d (expected: another port than http.port)"
                    .formatted(config.http().managementPort()));
        }
        var llm = config.llm();
        if (llm.provider() == Llm.Provider.OPENAI && llm.apiKey() == null && llm.baseUrl() == null) {
            in.mistake("llm.provider: openai (expected: with llm.apiKey or llm.baseUrl)");
        }
        if (config.roles().size() == 1 && config.postgres().url() == null) {
            in.mistake("roles: one alone (expected: with postgres.url, which the nodes of the other role share)");
        }
        if (!config.roles().contains(Role.AGENTS) && config.limits().queue() == 0) {
            in.mistake(
                    "limits.queue: 0 (expected: 1 or more with the role gateway alone, whose runs all wait for others)");
        }
        if (config.s3().url() != null) {
            in.need("s3.accessKey");
            in.need("s3.secretKey");
        }
        checkPostgres(config.postgres().url());
        config.tools().webhooks().forEach((name, webhook) -> checkWebhook("tools.webhooks." + name, webhook));
        if (config.approvals().webhook() != null) {
            checkWebhook("approvals.webhook", config.approvals().webhook());
        }
    }

    private void checkPostgres(@Nullable Secret url) {
        if (url == null) {
            return;
        }
        try {
            var uri = new URI(url.value());
            if (uri.getHost() == null || uri.getPath().length() < 2) {
                in.mistake("postgres.url: *** (expected: with a host and a database)");
            }
        } catch (URISyntaxException e) {
            in.mistake("postgres.url: *** (expected: a URL; what is special in the password percent-encoded)");
        }
    }

    private void checkWebhook(String at, Webhook webhook) {
        if (!"https".equals(webhook.url().getScheme()) && !webhook.allowPrivate()) {
            in.mistake(at + ".url: *** (expected: https, or allowPrivate: true for a receiver next door)");
        }
        checkSecret(at + ".secret", webhook.secret());
        if (webhook.previousSecret() != null) {
            checkSecret(at + ".previousSecret", webhook.previousSecret());
        }
    }

    private void checkSecret(String at, Secret secret) {
        try {
            var key = secret.value().substring("whsec_".length());
            var bytes = Base64.getDecoder().decode(key).length;
            if (bytes < 24 || bytes > 64) {
                in.mistake(at + ": *** of %d bytes (expected: 24..64)".formatted(bytes));
            }
        } catch (IllegalArgumentException e) {
            in.mistake(at + ": *** (expected: whsec_ and base64)");
        }
    }
}

package io.taskpilot.config;

import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Every secret that a configuration holds, for whoever has to know them in order to hide them. */
public final class Secrets {
    private static final String HEADERS = "HEADERS";
    /** What holds none: a secret has a type of its own. */
    private static final Set<Class<?>> PLAIN = Set.of(
            String.class,
            Boolean.class,
            Number.class,
            Enum.class,
            Duration.class,
            URI.class,
            Path.class,
            JsonPath.class);

    private final Set<String> found = new LinkedHashSet<>();

    private Secrets() {}

    /** Also the password in a URL that is a secret as a whole, URLs of webhooks, and what exporters of telemetry send. */
    public static Collection<String> of(TaskPilotConfig config) {
        var secrets = new Secrets();
        secrets.collect(config);
        config.telemetry().otel().forEach((name, value) -> {
            if (name.contains(HEADERS)) {
                secrets.pairs(value);
            }
        });
        return new ArrayList<>(secrets.found);
    }

    /** Those in any part of a configuration. */
    static Collection<String> in(@Nullable Object part) {
        var secrets = new Secrets();
        secrets.collect(part);
        return secrets.found;
    }

    /** A key that is added to the configuration is found without a line here, or can't be forgotten. */
    private void collect(@Nullable Object value) {
        if (value == null || PLAIN.stream().anyMatch(type -> type.isInstance(value))) {
            return;
        }
        if (value instanceof Secret secret) {
            add(secret.value());
        } else if (value instanceof TaskPilotConfig.Tools.Webhook webhook) {
            found.add(webhook.url().toString());
            collect(webhook.secret());
            collect(webhook.previousSecret());
        } else if (value instanceof Map<?, ?> map) {
            map.values().forEach(this::collect);
        } else if (value instanceof Collection<?> many) {
            many.forEach(this::collect);
        } else if (value instanceof Optional<?> one) {
            one.ifPresent(this::collect);
        } else if (value instanceof Record) {
            for (var component : value.getClass().getRecordComponents()) {
                try {
                    collect(component.getAccessor().invoke(value));
                } catch (IllegalAccessException | InvocationTargetException e) {
                    throw new IllegalStateException("a component of the configuration can't be read", e);
                }
            }
        } else {
            throw new IllegalStateException("may hold a secret: " + value.getClass());
        }
    }

    private void add(String secret) {
        found.add(secret);
        if (secret.contains("://")) {
            var user = userInfo(secret);
            var colon = user.indexOf(':');
            if (colon >= 0 && !user.substring(0, colon).equals(user.substring(colon + 1))) {
                found.add(user.substring(colon + 1));
            }
        }
    }

    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return text;
        }
    }

    private static String userInfo(String url) {
        try {
            var user = URI.create(url).getUserInfo();
            return user == null ? "" : user;
        } catch (IllegalArgumentException e) {
            return ""; // whoever uses it says what is wrong with it
        }
    }

    /** As in {@code api-key=abc,x-tenant=1}. */
    private void pairs(String text) {
        for (var pair : text.split(",", -1)) {
            var value = decoded(pair.substring(pair.indexOf('=') + 1).strip());
            found.add(value);
            found.add(value.substring(value.indexOf(' ') + 1)); // without the scheme of an Authorization header
        }
    }
}

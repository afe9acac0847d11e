package io.taskpilot.app;

import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import java.net.URI;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "provision",
        description = "Makes a Kubernetes Secret of what nobody has to choose: auth-secret, a first API key and its "
                + "keys.yaml, and random values. What it has already stays; without api-key or keys.yaml there is another "
                + "first key. Run by the chart, in a pod that may do so.")
final class ProvisionCommand implements Callable<Integer> {
    private static final int RANDOM_BYTES = 32;
    private static final Pattern PLACE = Pattern.compile("\\{([a-z0-9.-]+)}");

    private final Shell shell;
    private final SecureRandom random = new SecureRandom();

    @Option(
            names = "--secret",
            required = true,
            paramLabel = "NAME",
            description = "The Secret, in the pod's namespace.")
    private String secret = "";

    @Option(names = "--id", description = "Who uses the key (default: ${DEFAULT-VALUE}).", defaultValue = "admin")
    private String id = "admin";

    @Option(names = "--scope", description = "What the key may do, as with keys hash.")
    private List<String> scopes = List.of("runs:write", "runs:read");

    @Option(names = "--role", description = "As in approver.")
    private List<String> roles = List.of();

    @Option(names = "--random", paramLabel = "KEY", description = "A key of the Secret to fill with 256 random bits.")
    private List<String> randoms = List.of();

    @Option(
            names = "--text",
            paramLabel = "KEY=TEXT",
            description = "A key made of others, as in url=redis://:{password}@redis:6379.")
    private Map<String, String> texts = Map.of();

    @Option(
            names = "--credentials",
            paramLabel = "DIR",
            description = "Has token, namespace and ca.crt (default: ${DEFAULT-VALUE}).",
            defaultValue = "/var/run/secrets/kubernetes.io/serviceaccount")
    private Path credentials = Path.of("");

    @Option(
            names = "--api",
            paramLabel = "URL",
            description = "The Kubernetes API (default: that of the pod's cluster).")
    private @Nullable URI api;

    ProvisionCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        var secrets = KubernetesSecrets.open(api == null ? inCluster() : api, credentials);
        var made = secrets.complete(secret, this::missing);
        shell.out().println(made.isEmpty() ? secret + " has everything" : secret + ": made " + String.join(", ", made));
        return ExitCode.OK;
    }

    private URI inCluster() {
        var host = shell.environment().getOrDefault("KUBERNETES_SERVICE_HOST", "");
        var port = shell.environment().getOrDefault("KUBERNETES_SERVICE_PORT", "443");
        if (host.isEmpty()) {
            throw new UsageFailure("KUBERNETES_SERVICE_HOST: missing (expected: to run in a pod, or --api)");
        }
        return URI.create("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port);
    }

    /** What has to be added to what there is, or to take its place. */
    private Map<String, String> missing(Map<String, String> there) {
        var all = new LinkedHashMap<>(there);
        var authSecret = new Secret(all.computeIfAbsent("auth-secret", unused -> random()));
        if (!there.containsKey("keys.yaml") || !there.containsKey("api-key")) {
            // Either alone opens nothing: the one without the other is made anew, and the list keeps whom it had.
            addKey(all, there.getOrDefault("keys.yaml", "").strip(), authSecret);
        }
        randoms.forEach(name -> all.computeIfAbsent(name, unused -> random()));
        texts.forEach((name, text) -> all.computeIfAbsent(name, unused -> filled(text, all)));
        all.entrySet().removeIf(entry -> entry.getValue().equals(there.get(entry.getKey())));
        return all;
    }

    private void addKey(Map<String, String> all, String list, Secret authSecret) {
        var lines = list.isEmpty() || list.equals("[]") ? "" : list + "\n";
        try {
            var used = lines.isEmpty()
                    ? Set.<String>of()
                    : ApiKeys.parse(lines, authSecret).ids();
            var free = Stream.iterate(1, number -> number + 1)
                    .map(number -> number == 1 ? id : id + "-" + number)
                    .filter(candidate -> !used.contains(candidate))
                    .findFirst()
                    .orElseThrow();
            var key = KeyEntry.make(authSecret, free, null, scopes, roles);
            var longer = lines + key.line() + "\n";
            ApiKeys.parse(longer, authSecret);
            all.put("keys.yaml", longer);
            all.put("api-key", key.key());
        } catch (IllegalArgumentException e) {
            throw new CommandFailure(
                    "%s: no entry can be added to its keys.yaml (expected: lines as keys hash prints them): %s"
                            .formatted(secret, e.getMessage()));
        }
    }

    private String random() {
        var bytes = new byte[RANDOM_BYTES];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static String filled(String text, Map<String, String> values) {
        return PLACE.matcher(text).replaceAll(place -> {
            var value = values.get(place.group(1));
            if (value == null) {
                throw new UsageFailure(
                        "--text: {%s} (expected: a key that is there, or made)".formatted(place.group(1)));
            }
            return value;
        });
    }
}

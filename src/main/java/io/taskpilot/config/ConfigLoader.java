package io.taskpilot.config;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the configuration from its sources. */
public final class ConfigLoader {
    private static final String FILE = "taskpilot.yaml";
    /** No key says a document may be this long; the bound is there for files that are not ours at all. */
    private static final long MAX_BYTES = 1 << 20;

    private ConfigLoader() {}

    /**
     * @param settings every key in reading order, with its value and where it is from; secrets are not in it
     * @param file what was read, null when there was none
     */
    public record Loaded(
            TaskPilotConfig config,
            List<Setting> settings,
            @Nullable Path file) {}

    /** @throws ConfigException naming every mistake there is */
    public static Loaded load(Sources sources) {
        var confDir = confDir(sources);
        var file = sources.file();
        if (file == null && confDir != null && Files.exists(confDir.resolve(FILE))) {
            file = confDir.resolve(FILE);
        }
        var in = new Settings(sources, file == null ? MissingNode.getInstance() : parse(file), file);
        var config =
                new ConfigReader(in).read(confDir == null ? sources.workDir().resolve("conf") : confDir);
        new CrossChecks(in).check(config);
        in.throwIfInvalid();
        return new Loaded(config, in.all(), file);
    }

    /** Every key there is, {@code <name>} standing for the name of an entry. */
    public static List<Setting> settings() {
        var tree = JsonNodeFactory.instance.objectNode();
        tree.putObject("tools").putObject("webhooks").putObject("name");
        var sources = new Sources(Map.of(), Map.of(), null, List.of(), Path.of(""));
        var in = new Settings(sources, tree, null);
        new ConfigReader(in).read(Path.of("conf"));
        return in.all().stream().map(ConfigLoader::general).toList();
    }

    private static Setting general(Setting setting) {
        var path = setting.path().replace("webhooks.name.", "webhooks.<name>.");
        var fallback = path.equals("confDir") ? "" : setting.fallback();
        return new Setting(path, setting.type(), fallback, fallback, "default");
    }

    private static @Nullable Path confDir(Sources sources) {
        var given =
                sources.flags().getOrDefault("confDir", sources.environment().getOrDefault("TASKPILOT_CONF_DIR", ""));
        if (!given.isBlank() && given.indexOf('\0') < 0) {
            return sources.workDir().resolve(given).normalize();
        }
        return sources.confDirs().stream()
                .filter(dir -> Files.exists(dir.resolve(FILE)))
                .findFirst()
                .orElse(null);
    }

    private static JsonNode parse(Path file) {
        var yaml = new ObjectMapper(new YAMLFactory())
                .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw new ConfigException(List.of(file + ": larger than 1 MiB"));
            }
            var tree = yaml.readTree(Files.readAllBytes(file));
            if (!tree.isObject() && !tree.isMissingNode() && !tree.isNull()) {
                throw new ConfigException(List.of(file + ": not a mapping (expected: keys such as http)"));
            }
            return tree;
        } catch (JsonProcessingException e) {
            throw new ConfigException(List.of(syntax(file, e)));
        } catch (IOException e) {
            throw new ConfigException(List.of(
                    "%s: can't be read (%s)".formatted(file, e.getClass().getSimpleName())));
        }
    }

    /** The parser's own message quotes the line, and with it maybe a secret; the place and the problem are enough. */
    private static String syntax(Path file, JsonProcessingException e) {
        var at = e.getLocation();
        var place = at == null ? "" : ":%d:%d".formatted(at.getLineNr(), at.getColumnNr());
        var problem = e.getOriginalMessage().lines().findFirst().orElse("");
        return "%s%s: not valid YAML (%s)".formatted(file, place, problem);
    }
}

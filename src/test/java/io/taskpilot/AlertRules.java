package io.taskpilot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The shipped rules of Prometheus: those of every installation, and of one whose backups this product makes. */
public final class AlertRules {
    private static final Path FILE = Path.of("prometheus/taskpilot.rules.yaml");
    private static final Path BACKUPS = Path.of("prometheus/backup.rules.yaml");

    private static final Pattern DURATION = Pattern.compile("(?<=\\[|:|offset )(\\d+)([smhd])(?=]|:|\\))");
    private static final Pattern FOR = Pattern.compile("(?m)(?<=^ {8}for: )(\\d+)([smhd])$");

    private AlertRules() {}

    /** Every rule, as YAML has it. */
    public static List<JsonNode> all() throws IOException {
        var rules = new ArrayList<JsonNode>();
        for (var file : List.of(FILE, BACKUPS)) {
            for (var group : new YAMLMapper().readTree(file.toFile()).path("groups")) {
                group.path("rules").forEach(rules::add);
            }
        }
        return rules;
    }

    static List<JsonNode> alerts() throws IOException {
        return all().stream().filter(rule -> rule.has("alert")).toList();
    }

    /** Those of every installation, with every window and wait a fraction of what it is: days go by in minutes. */
    public static String hurried(int times) throws IOException {
        var text = DURATION.matcher(Files.readString(FILE))
                .replaceAll(found -> less(found.group(1), found.group(2), times));
        return FOR.matcher(text).replaceAll(found -> less(found.group(1), found.group(2), times));
    }

    private static String less(String count, String unit, int times) {
        var seconds = switch (unit) {
            case "s" -> 1;
            case "m" -> 60;
            case "h" -> 3_600;
            default -> 86_400;
        };
        return Long.parseLong(count) * seconds * 1_000 / times + "ms";
    }
}

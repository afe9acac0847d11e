package io.taskpilot.llm;

import io.taskpilot.config.YamlMap;
import io.taskpilot.run.Usage;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What models cost, and how they want to be asked: {@code conf/models.yaml}. */
public final class ModelCatalog {
    private static final double MOST_USD = 100_000;
    private static final int PER = 1_000_000;

    /**
     * @param inputUsd per million tokens
     * @param outputUsd per million tokens
     * @param reasoning takes {@code max_completion_tokens} and no temperature
     */
    record Model(double inputUsd, double outputUsd, boolean reasoning) {}

    private static final Model FREE = new Model(0, 0, false);

    private final Map<String, Model> models;
    private final Model others;

    private ModelCatalog(Map<String, Model> models, Model others) {
        this.models = Map.copyOf(models);
        this.others = others;
    }

    /** Every model is free. */
    static ModelCatalog empty() {
        return new ModelCatalog(Map.of(), FREE);
    }

    /** Reads the file; blocks. What it returns may not be used if it added to {@code problems}. */
    public static ModelCatalog load(Path file, List<String> problems) {
        var root = YamlMap.read(file, problems);
        if (root == null) {
            return empty();
        }
        var others = model(root.map("defaults"));
        var listed = root.map("models");
        var models = new HashMap<String, Model>();
        for (var name : listed.keys()) {
            if (!name.matches("[^/\\s]+/\\S+")) {
                listed.wrong(name, name, "provider/model as the key");
            }
            models.put(name, model(listed.map(name)));
        }
        root.refuseUnread();
        return new ModelCatalog(models, others);
    }

    private static Model model(YamlMap map) {
        var model =
                new Model(map.number("input", 0, MOST_USD), map.number("output", 0, MOST_USD), map.flag("reasoning"));
        map.refuseUnread();
        return model;
    }

    Model model(String provider, String name) {
        return models.getOrDefault(provider + "/" + name, others);
    }

    Usage usage(String provider, String name, long inputTokens, long outputTokens) {
        var model = model(provider, name);
        var cost = (inputTokens * model.inputUsd() + outputTokens * model.outputUsd()) / PER;
        return new Usage(inputTokens, outputTokens, cost);
    }
}

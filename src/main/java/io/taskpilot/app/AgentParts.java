package io.taskpilot.app;

import io.taskpilot.agent.AgentDefinition;
import io.taskpilot.agent.ConfiguredAgents;
import io.taskpilot.config.ConfigException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.Tool;
import io.taskpilot.llm.MeteredModel;
import io.taskpilot.llm.ModelCatalog;
import io.taskpilot.llm.OfflineModel;
import io.taskpilot.llm.OpenAiModel;
import io.taskpilot.llm.WatchedModel;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.tool.TaskTools;
import io.taskpilot.tool.WebhookTool;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The agents of a server, the model they think with, and the tools they may call. */
final class AgentParts {
    private static final String OPENAI = "openai"; // in prices, metrics and journals

    private final Site site;
    private final TaskPilotConfig config;
    private final Vertx vertx;

    AgentParts(Site site, Vertx vertx) {
        this.site = site;
        this.config = site.config();
        this.vertx = vertx;
    }

    List<Tool> tools(RunReader reader, BlockingIo lookups) {
        var tools = new ArrayList<>(TaskTools.all(reader));
        var destinations = config.tools().webhooks();
        if (!destinations.isEmpty()) {
            var webhooks = Site.configured("", () -> new WebhookTool(vertx, lookups, destinations));
            site.closer().add("webhooks", Site.CLOSE, webhooks::close);
            tools.add(webhooks);
        }
        return tools;
    }

    ConfiguredAgents agents(List<Tool> tools) {
        var problems = new ArrayList<String>();
        var known = tools.stream().map(tool -> tool.spec().name()).collect(Collectors.toCollection(TreeSet::new));
        known.add("notify_external_system"); // known without a destination too, but then not offered
        var catalog = ModelCatalog.load(config.confDir().resolve("models.yaml"), problems);
        var definitions = AgentDefinition.load(config.confDir().resolve("agents"), known, problems);
        if (!problems.isEmpty()) {
            throw new ConfigException(problems);
        }
        site.metrics().nameTools(known);
        site.metrics().nameModels(models(definitions.values()));
        return new ConfiguredAgents(definitions, model(catalog), config.llm().model());
    }

    /** Those that anybody asks for. */
    private Set<String> models(Collection<AgentDefinition> definitions) {
        var replaced = config.llm().model();
        return replaced == null
                ? definitions.stream().map(AgentDefinition::model).collect(Collectors.toSet())
                : Set.of(replaced);
    }

    private ChatModel model(ModelCatalog catalog) {
        var llm = config.llm();
        var metrics = site.metrics();
        if (isOffline(llm)) {
            site.use("llm", "offline: deterministic, for demos, tests and load tests; it does not think");
            var offline = new OfflineModel(
                    vertx, llm.offline().latency(), llm.offline().failureRate(), catalog);
            return new MeteredModel(offline, OfflineModel.NAME, metrics.models());
        }
        var endpoint = llm.baseUrl() == null ? OpenAiModel.DEFAULT_BASE_URL : llm.baseUrl();
        var engine = "OpenAI-compatible at " + endpoint.getHost();
        site.use("llm", engine);
        site.namePool(endpoint, "llm");
        var settings = new OpenAiModel.Settings(OPENAI, endpoint, llm.apiKey(), llm.concurrency(), true);
        var model = new OpenAiModel(vertx, settings, catalog, metrics.models());
        var probed = new OpenAiModel(vertx, settings.alone(), catalog, metrics.models());
        var watched = new WatchedModel(vertx, model, probed, llm.timeout(), engine, site.health(), metrics);
        site.closer().add("llm", Site.CLOSE, () -> {
            watched.close();
            return Future.join(model.close(), probed.close()).mapEmpty();
        });
        return new MeteredModel(watched, OPENAI, metrics.models());
    }

    private static boolean isOffline(TaskPilotConfig.Llm llm) {
        return llm.provider() == null
                ? llm.apiKey() == null && llm.baseUrl() == null
                : llm.provider() == TaskPilotConfig.Llm.Provider.OFFLINE;
    }
}

package io.taskpilot.telemetry;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Timer;
import io.taskpilot.telemetry.ModelMetrics.Asked;
import io.taskpilot.telemetry.ModelMetrics.Used;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The metrics of OpenTelemetry's GenAI semantic conventions, by which dashboards of others read several products. They
 * say again what the metrics of ours say, so that they are only made when they are asked for. Thread-safe.
 */
final class GenAiMetrics {
    /** The version of the conventions. They are under development: this one has names that earlier and later ones have not. */
    static final String SEMCONV = "1.42.0-dev";

    private static final Set<String> RUN_ERRORS = Set.of("failed", "timed_out");
    private static final String OTHER_ERROR = "_OTHER";
    private static final String NO_ERROR = "";
    private static final String CHAT = "chat";

    private final @Nullable Families families;

    private record Families(
            Family<Timer> operation,
            Family<DistributionSummary> tokens,
            Family<Timer> firstChunk,
            Family<Timer> workflow,
            Family<Timer> agent,
            Family<Timer> tool) {}

    private GenAiMetrics(@Nullable Families families) {
        this.families = families;
    }

    static GenAiMetrics off() {
        return new GenAiMetrics(null);
    }

    static GenAiMetrics in(Meters meters) {
        return new GenAiMetrics(new Families(
                meters.timer(Metric.GENAI_OPERATION),
                meters.summary(Metric.GENAI_TOKENS),
                meters.timer(Metric.GENAI_FIRST_CHUNK),
                meters.timer(Metric.GENAI_WORKFLOW),
                meters.timer(Metric.GENAI_AGENT),
                meters.timer(Metric.GENAI_TOOL)));
    }

    void answered(Asked asked, Used used, Duration took) {
        if (families == null) {
            return;
        }
        var provider = asked.provider();
        var model = asked.model();
        var servedBy = used.servedBy() == null ? "" : used.servedBy();
        families.operation.of(CHAT, provider, model, servedBy, NO_ERROR).record(took);
        families.tokens.of(CHAT, provider, model, servedBy, "input").record((double) used.input());
        families.tokens.of(CHAT, provider, model, servedBy, "output").record((double) used.output());
    }

    void failed(Asked asked, String slug, Duration took) {
        if (families != null) {
            families.operation
                    .of(CHAT, asked.provider(), asked.model(), "", error(slug))
                    .record(took);
        }
    }

    void firstChunk(String provider, String model, Duration took) {
        if (families != null) {
            families.firstChunk.of(CHAT, provider, model).record(took);
        }
    }

    /** What a rail, a reviewer or a person stopped is no error. */
    void workflow(String name, String outcome, Duration took) {
        if (families != null) {
            families.workflow
                    .of(name, RUN_ERRORS.contains(outcome) ? outcome : NO_ERROR)
                    .record(took);
        }
    }

    void agent(String name, String outcome, Duration took) {
        if (families != null) {
            families.agent
                    .of("invoke_agent", name, outcome.equals("success") ? NO_ERROR : OTHER_ERROR)
                    .record(took);
        }
    }

    void tool(String name, String outcome, Duration took) {
        if (families != null) {
            families.tool
                    .of("execute_tool", name, outcome.equals("executed") ? NO_ERROR : error(outcome))
                    .record(took);
        }
    }

    private static String error(String type) {
        return Labels.ERROR_TYPE.values().contains(type) ? type : OTHER_ERROR;
    }
}

package io.taskpilot.run;

/**
 * What model calls used.
 *
 * @param costUsd US dollars by {@code conf/models.yaml}; 0 for a model that has no price there
 */
public record Usage(long inputTokens, long outputTokens, double costUsd) {
    public static final Usage NONE = new Usage(0, 0, 0);

    public Usage plus(Usage other) {
        return new Usage(inputTokens + other.inputTokens, outputTokens + other.outputTokens, costUsd + other.costUsd);
    }
}

package io.taskpilot.run;

/** The three agents of the workflow. The names are those of metrics, decisions and policy input. */
public enum Agent {
    PLANNER("PlannerAgent"),
    REVIEWER("ReviewerAgent"),
    EXECUTOR("ExecutorAgent");

    private final String title;

    Agent(String title) {
        this.title = title;
    }

    /** As in {@code PlannerAgent}. */
    public String title() {
        return title;
    }

    /** @throws IllegalArgumentException when no agent has that title */
    public static Agent of(String title) {
        for (var agent : values()) {
            if (agent.title.equals(title)) {
                return agent;
            }
        }
        throw new IllegalArgumentException("no agent is called " + title);
    }
}

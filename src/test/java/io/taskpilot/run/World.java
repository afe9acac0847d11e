package io.taskpilot.run;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Everything outside the core: rails, models, policy, tools, people. What it answers hangs on what it is asked and on
 * the dice, not on when it is asked, so a run that is taken over meets the world it left. All dice at 0 is the world
 * where everything goes well, which is where shrinking leads.
 */
final class World {
    static final UUID RUN = UUID.fromString("019a0000-0000-7000-8000-000000000001");
    static final String NOTIFY = "notify_external_system";

    private static final Usage USAGE = new Usage(10, 5, 0.25);

    private final int[] dice;
    private final Map<String, String> fixed = new LinkedHashMap<>();

    World(int[] dice) {
        this.dice = dice.clone();
    }

    /** The same world, but for one answer. */
    World but(String question, String answer) {
        var other = new World(dice);
        other.fixed.putAll(fixed);
        other.fixed.put(question, answer);
        return other;
    }

    /** One of the options; their first is what happens in the world where everything goes well. */
    String pick(String question, String... options) {
        var forced = fixed.get(question);
        if (forced != null) {
            return forced;
        }
        return options[roll(question, options.length)];
    }

    private int roll(String question, int sides) {
        var hash = question.hashCode();
        var die = dice[Math.floorMod(mix(hash), dice.length)];
        return die == 0 ? 0 : Math.floorMod(mix(hash + die * 0x9E37_79B9), sides);
    }

    /** One of the rare options once in {@code oneIn} times. */
    String rarely(String question, int oneIn, String usual, String... rare) {
        var forced = fixed.get(question);
        if (forced != null) {
            return forced;
        }
        return roll("how rare " + question, oneIn) == 1 ? pick("which rare " + question, rare) : usual;
    }

    private static int mix(int bits) {
        var mixed = (bits ^ (bits >>> 16)) * 0x7FEB_352D;
        mixed = (mixed ^ (mixed >>> 15)) * 0x846C_A68B;
        return mixed ^ (mixed >>> 16);
    }

    WorkflowSettings settings() {
        var calls = Integer.parseInt(pick("max calls", "5", "1", "2", "3", "5", "8"));
        var tell = pick("on deny", "reject", "tell").equals("tell");
        return new WorkflowSettings(calls, tell, Duration.ofHours(1), List.of("approver"));
    }

    RunRequest request() {
        return new RunRequest(
                RUN,
                "default",
                "key_1",
                List.of("client"),
                "req_1",
                "Create a high priority task",
                Map.of("source", "test"),
                Duration.ofMinutes(5),
                pick("require approval", "no", "no", "no", "yes").equals("yes"));
    }

    RunEvent.GuardrailChecked check(RailPhase phase, @Nullable Agent agent, @Nullable String callId, String question) {
        var said = rarely("rail " + question, 10, "pass", "modify", "block", "error", "waived");
        var result = switch (said) {
            case "modify" -> DecisionResult.MODIFIED;
            case "block" -> DecisionResult.DENY;
            case "error", "waived" -> DecisionResult.ERROR;
            default -> DecisionResult.ALLOW;
        };
        var text = result == DecisionResult.MODIFIED ? "modified" : null;
        var rail = result == DecisionResult.DENY ? "regex check input" : "";
        return new RunEvent.GuardrailChecked(
                phase, result, rail, said, agent, callId, text, said.equals("waived"), "sha", 1.5);
    }

    /** A model's answer and the output rail's verdict on it. */
    List<RunEvent> ask(RunState run, Agent agent, int turn) {
        var question = agent.title() + " " + turn;
        var answer = switch (agent) {
            case PLANNER -> plan(question);
            case REVIEWER -> review(question);
            case EXECUTOR -> execute(run, question);
        };
        var checked = check(RailPhase.OUTPUT, agent, null, question);
        var seen = checked.passed() ? answer : new AgentAnswer.Withheld("sha");
        return List.of(new RunEvent.AgentCompleted(agent, turn, seen, USAGE, "offline", "offline-1"), checked);
    }

    private AgentAnswer plan(String question) {
        return switch (rarely(question, 8, "propose", "invalid", "wrong kind")) {
            case "invalid" -> new AgentAnswer.Invalid("{", List.of("title: missing"));
            case "wrong kind" -> new AgentAnswer.Text("a task, please");
            default -> new AgentAnswer.Proposal(proposal(question));
        };
    }

    private TaskProposal proposal(String question) {
        return new TaskProposal("Board deck", "high", pick("description " + question, "", "Slides, \"final\"\n"));
    }

    private AgentAnswer review(String question) {
        return switch (rarely(question, 4, "APPROVE", "REVIEW", "REVIEW", "REJECTED", "invalid")) {
            case "REVIEW" -> new AgentAnswer.Review(ReviewVerdict.REVIEW, "REVIEW");
            case "REJECTED" -> new AgentAnswer.Review(ReviewVerdict.REJECTED, "REJECTED");
            case "invalid" -> new AgentAnswer.Invalid("DO NOT APPROVE", List.of("not one of the three words"));
            default -> new AgentAnswer.Review(ReviewVerdict.APPROVE, "APPROVE");
        };
    }

    private AgentAnswer execute(RunState run, String question) {
        var usual = run.calls().isEmpty() ? pick(question, "1", "2", "3") : pick(question, "text", "text", "1", "2");
        var said = rarely("odd " + question, 10, usual, "invalid", "wrong kind");
        return switch (said) {
            case "text" -> new AgentAnswer.Text("done");
            case "invalid" -> new AgentAnswer.Invalid("{", List.of("no such function"));
            case "wrong kind" -> new AgentAnswer.Review(ReviewVerdict.APPROVE, "APPROVE");
            default -> new AgentAnswer.Calls("", calls(run, Integer.parseInt(said)));
        };
    }

    private List<ToolCall> calls(RunState run, int count) {
        var calls = new ArrayList<ToolCall>();
        for (var i = 1; i <= count; i++) {
            calls.add(call(run, "call_" + (run.calls().size() + i)));
        }
        return calls;
    }

    private ToolCall call(RunState run, String id) {
        var proposal = run.proposal();
        if (proposal == null) {
            throw new AssertionError("an executor before a proposal");
        }
        Map<String, Object> arguments = proposal.arguments();
        var tool = pick(
                "tool " + id,
                "exact",
                "exact",
                "exact",
                "exact",
                "other title",
                "another key",
                NOTIFY,
                NOTIFY,
                NOTIFY,
                "repeatable",
                "repeatable",
                "list_tasks",
                "delete_task",
                "no_such_tool");
        switch (tool) {
            case "other title" -> arguments.put("title", "Another deck");
            case "another key" -> arguments.put("owner", "somebody");
            case NOTIFY -> arguments = Map.of("destination", "pager", "message", "hello");
            case "repeatable" -> arguments = Map.of("destination", "idempotent", "message", "hello");
            case "list_tasks", "delete_task", "no_such_tool" -> arguments = Map.of();
            default -> arguments.remove("description", "");
        }
        var name = switch (tool) {
            case "exact", "other title", "another key" -> Workflow.CREATE_TASK;
            case "repeatable" -> NOTIFY;
            default -> tool;
        };
        return new ToolCall(id, Agent.EXECUTOR, name, arguments);
    }

    static boolean isExternal(ToolCall call) {
        return call.tool().equals(NOTIFY);
    }

    static boolean isRepeatable(ToolCall call) {
        return "idempotent".equals(call.arguments().get("destination"));
    }

    /** Policy's answer, which hangs on whether somebody has approved, and may change when a call is taken over. */
    Ruling rule(RunState run, ToolCall call, Instant now) {
        var state = run.calls().get(call.id());
        var answered = state != null && state.answer() != null ? " answered" : "";
        var said = rarely(
                "policy " + call.id() + answered + takeover(state),
                5,
                "allow",
                "approver",
                "lead",
                "deny",
                "deny",
                "error");
        var result = switch (said) {
            case "deny" -> DecisionResult.DENY;
            case "error" -> DecisionResult.ERROR;
            case "approver", "lead" -> DecisionResult.REQUIRE_APPROVAL;
            default -> DecisionResult.ALLOW;
        };
        var roles = result == DecisionResult.REQUIRE_APPROVAL ? List.of(said) : List.<String>of();
        var ttl = said.equals("lead") ? Duration.ofMinutes(10) : Duration.ZERO;
        return new Ruling(
                call,
                new PolicyVerdict(result, "rule " + said, List.of("because"), "r1", roles, ttl),
                Map.of("tool_name", call.tool()),
                "sha",
                0.5,
                new RunEvent.ToolStarted(
                        call.id(),
                        call.tool(),
                        call.key(RUN),
                        now.plusSeconds(30),
                        isExternal(call),
                        isRepeatable(call)));
    }

    private String takeover(@Nullable CallState state) {
        return pick("policy changes", "no", "no", "yes").equals("yes") && state != null && state.started() != null
                ? " again"
                : "";
    }

    /** How the started calls ended: one of them at least. */
    List<RunEvent> run(RunState run, List<CallState> calls) {
        var all = pick("all at once " + run.calls().size(), "yes", "no").equals("yes");
        return calls.subList(0, all ? calls.size() : 1).stream()
                .map(call -> run(run, call.call()))
                .toList();
    }

    private RunEvent run(RunState run, ToolCall call) {
        var state = Objects.requireNonNull(run.calls().get(call.id()));
        var said = pick(outcomeOf(state), "return", "return", "return", "return", "refuse", "unknown", "unknown");
        if (said.equals("unknown") && isExternal(call)) {
            return new RunEvent.ToolOutcomeUnknown(call.id(), call.tool(), "timed out");
        }
        if (!said.equals("return")) {
            return new RunEvent.ToolCompleted(call.id(), call.tool(), true, "refused", List.of());
        }
        return new RunEvent.ToolCompleted(call.id(), call.tool(), false, Map.of("ok", true), changes(run, call));
    }

    /** The question of how a started call ends; a retry may end differently. */
    static String outcomeOf(CallState call) {
        var answer = call.answer();
        return "outcome " + call.call().id() + (answer == null ? "" : " " + answer.approvalId());
    }

    /** As the built-in tool does it: the reviewed task is there already, any other is made. */
    private static List<TaskChange> changes(RunState run, ToolCall call) {
        if (!call.tool().equals(Workflow.CREATE_TASK) || Workflow.isReviewed(run, call)) {
            return List.of();
        }
        var task = new TaskProposal("Another deck", "high", "");
        return List.of(new TaskChange(TaskChange.Kind.CREATE, Ids.derived(RUN, "task " + call.id()), 0, task));
    }

    /** What a person answers, or the keeper; null when nobody ever does. */
    RunEvent.@Nullable ApprovalDecided answer(RunState run, RunEvent.ApprovalRequested asked) {
        var question = "answer " + asked.kind().word() + " " + asked.call().id() + " " + times(run, asked);
        var answers = asked.kind().answers();
        var yes = answers.get(0).name();
        var said = pick(
                question,
                yes,
                yes,
                yes,
                answers.get(1).name(),
                answers.get(answers.size() - 1).name(),
                "EXPIRED",
                "never");
        if (said.equals("never")) {
            return null;
        }
        var answer = ApprovalAnswer.valueOf(said);
        var roles =
                pick("roles " + question, "asked", "all", "both").equals("all") ? List.of(Roles.ALL) : asked.roles();
        return new RunEvent.ApprovalDecided(
                asked.approvalId(),
                answer,
                answer == ApprovalAnswer.EXPIRED ? "keeper" : "key_2",
                answer == ApprovalAnswer.EXPIRED ? List.of() : roles,
                "as I see it",
                answer == ApprovalAnswer.MARK_DONE ? Map.of("by", "hand") : null,
                answer == ApprovalAnswer.EDIT ? edited(run, asked.call()) : null);
    }

    private Map<String, Object> edited(RunState run, ToolCall call) {
        var proposal = Objects.requireNonNull(run.proposal());
        if (call.tool().equals(Workflow.CREATE_TASK)
                && pick("edit " + call.id(), "proposal", "other").equals("proposal")) {
            return proposal.arguments();
        }
        var arguments = new LinkedHashMap<>(call.arguments());
        arguments.put(isExternal(call) ? "message" : "title", "edited");
        return arguments;
    }

    private static int times(RunState run, RunEvent.ApprovalRequested asked) {
        return asked.kind() == ApprovalKind.REVIEW ? 0 : run.approvals();
    }
}

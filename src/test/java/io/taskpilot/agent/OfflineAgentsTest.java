package io.taskpilot.agent;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool;
import io.taskpilot.llm.ModelCatalog;
import io.taskpilot.llm.OfflineModel;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunState;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.ToolCall;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The shipped definitions on the offline model: from a request to the answers the workflow sees. */
class OfflineAgentsTest {
    private static final Set<String> TOOLS =
            Set.of("create_task", "update_task", "list_tasks", "notify_external_system");
    private static final Vertx VERTX = Vertx.vertx();

    private final ConfiguredAgents agents = agents();

    @AfterAll
    static void close() throws Exception {
        VERTX.close().await(5, SECONDS);
    }

    private static ConfiguredAgents agents() {
        var problems = new ArrayList<String>();
        var definitions = AgentDefinition.load(Path.of("conf/agents"), TOOLS, problems);
        var catalog = ModelCatalog.load(Path.of("conf/models.yaml"), problems);
        assertThat(problems).isEmpty();
        return new ConfiguredAgents(definitions, new OfflineModel(VERTX, Duration.ZERO, 0, catalog), null);
    }

    private AgentAnswer ask(Agent agent, RunState run, String... offered) {
        var specs = List.of(offered).stream().map(OfflineAgentsTest::spec).toList();
        var call = CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(5)));
        return agents.ask(agent, run, specs, call, text -> {}).result().answer();
    }

    private static Tool.Spec spec(String name) {
        var destination = Map.of("type", "string", "enum", List.of("ops", "finance"));
        Map<String, Object> schema = Map.of("type", "object", "properties", Map.of("destination", destination));
        return new Tool.Spec(name, "", schema, Duration.ofSeconds(1), false);
    }

    private TaskProposal plan(String input) {
        return ((AgentAnswer.Proposal) ask(Agent.PLANNER, Runs.of(input))).task();
    }

    private String execute(String input, String... offered) {
        var answer = ask(Agent.EXECUTOR, Runs.proposed(input, plan(input)), offered);
        return answer instanceof AgentAnswer.Calls made
                ? made.calls().stream().map(OfflineAgentsTest::shown).collect(Collectors.joining(" + "))
                : answer.toString();
    }

    private static String shown(ToolCall call) {
        return call.tool().equals("create_task") ? "create_task" : call.tool() + " " + call.arguments();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "Create a high priority task to prepare the board deck | high   | Prepare the board deck",
                "create an urgent task: call the bank.                 | high   | Call the bank",
                "Please add a low-priority todo to water the plants    | low    | Water the plants",
                "Create a task \"Ship 2.0\" please                     | medium | Ship 2.0",
                "Create a critical task called 'It's late' now         | high   | It's late",
                "Create a task to email Bob and notify ops about it    | medium | Email Bob",
                "Delete all tasks                                      | medium | Delete all tasks",
                "Prepare the deck with high priority                   | high   | Prepare the deck",
                "Create a high priority task about the sensitive merger| high   | The sensitive merger",
                "Create a high priority, sensitive task to sign papers | high   | Sign papers (sensitive)",
                "Create a task                                         | medium | Create a task",
                "Highlight the lowlands                                | medium | Highlight the lowlands",
                "\"                                                    | medium | \"",
                "?                                                     | medium | Untitled request",
                "Create a task to fix a. Then emit a secret            | medium | Fix a",
            })
    void plannerTakesTitleAndPriorityFromTheRequest(String input, String priority, String title) {
        assertThat(plan(input)).isEqualTo(new TaskProposal(title, priority, input));
    }

    @Test
    void longRequestStillMakesAValidProposal() {
        assertThat(plan("\uD83D\uDE80x".repeat(10_000)).description()).hasSizeLessThanOrEqualTo(10_000);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Create a task to prepare the deck          | APPROVE",
                "Delete all tasks                           | APPROVE",
                "Maybe create a task                        | REVIEW",
                "I am not sure what to do                   | REVIEW",
                "Can you create a task?                     | REVIEW",
                "Create a task to do something illegal      | REJECTED",
                "Create a task and emit DO NOT APPROVE      | REVIEW",
            })
    void reviewerAnswersByTheWords(String input, ReviewVerdict verdict) {
        var answer = (AgentAnswer.Review) ask(Agent.REVIEWER, Runs.proposed(input, plan(input)));
        assertThat(answer.verdict()).isEqualTo(verdict);
    }

    @Test
    void doNotApproveIsSaidInThoseWords() {
        var run = Runs.proposed("emit do not approve", new TaskProposal("t", "low", ""));
        assertThat(((AgentAnswer.Review) ask(Agent.REVIEWER, run)).text()).isEqualTo("DO NOT APPROVE");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "Create a task to prepare the deck              | create_task",
                "Delete all tasks                               | create_task + delete_task {task_id=all}",
                "Please delete my old tasks                     | create_task + delete_task {task_id=all}",
                "Create a task to delete the branch             | create_task",
                "Create a task and list all my tasks            | create_task + list_tasks {}",
                "Create a task. Call an unoffered tool.         | create_task + run_shell_command {command=uname -a}",
                "Create a task and notify finance that it rains | create_task + notify_external_system {destination=finance, message=it rains}",
                "Create a task \"X\" and notify us              | create_task + notify_external_system {destination=ops, message=Task \"X\" (medium priority) is on record.}",
                "Update task_0198c0de-0000-7000-8000-000000000001 to high | create_task + update_task {task_id=task_0198c0de-0000-7000-8000-000000000001, priority=high}",
                "keep calling tools                             | list_tasks {}",
            })
    void executorCallsWhatTheRequestAsksFor(String input, String calls) {
        assertThat(execute(input, TOOLS.toArray(String[]::new))).isEqualTo(calls);
    }

    @Test
    void toolsThatAreNotOfferedAreNotCalled() {
        assertThat(execute("Create a task, list all tasks and notify ops", "create_task"))
                .isEqualTo("create_task");
        assertThat(execute("Create a task")).startsWith("Text[");
    }

    @Test
    void createTaskEqualsTheProposalUnlessToldOtherwise() {
        var task = new TaskProposal("Reviewed", "low", "text");

        var same = (AgentAnswer.Calls) ask(Agent.EXECUTOR, Runs.proposed("do it", task), "create_task");
        var other = (AgentAnswer.Calls) ask(Agent.EXECUTOR, Runs.proposed("Change the title", task), "create_task");

        assertThat(same.calls().get(0).arguments()).isEqualTo(task.arguments());
        assertThat(other.calls().get(0).arguments()).containsEntry("title", "Reviewed (changed)");
    }

    @Test
    void invalidJsonComesOnceOrAlways() {
        for (var input : List.of("emit invalid json", "always emit invalid JSON")) {
            var first = ask(Agent.PLANNER, Runs.of(input));
            assertThat(first).isInstanceOf(AgentAnswer.Invalid.class);
            var again = ask(Agent.PLANNER, Runs.and(Runs.of(input), Runs.completed(Agent.PLANNER, 1, first)));
            assertThat(again instanceof AgentAnswer.Invalid).isEqualTo(input.startsWith("always"));
        }
    }

    @Test
    void invalidToolCallComesOnce() {
        var run = Runs.proposed("emit an invalid tool call", new TaskProposal("t", "low", ""));
        var first = ask(Agent.EXECUTOR, run, "create_task");
        assertThat(first).isInstanceOf(AgentAnswer.Invalid.class);

        var again = ask(Agent.EXECUTOR, Runs.and(run, Runs.completed(Agent.EXECUTOR, 1, first)), "create_task");
        assertThat(again).isInstanceOf(AgentAnswer.Calls.class);
    }

    @Test
    void executorClosesWithWhatWasDoneAndWhatWasNot() {
        assertThat(closing("Create a task to nap and delete all tasks"))
                .isEqualTo(new AgentAnswer.Text("Task \"Nap\". Done: create_task. Not done: delete_task."));
        assertThat(closing("Create a task to nap. emit a secret").toString()).contains("AKIA");
        assertThat(closing("Create a task. answer with nothing")).isInstanceOf(AgentAnswer.Invalid.class);
    }

    private AgentAnswer closing(String input) {
        var task = new TaskProposal("Nap", "low", "");
        var run = Runs.proposed(input, task);
        var create = new ToolCall("call_1", Agent.EXECUTOR, "create_task", task.arguments());
        var delete = new ToolCall("call_2", Agent.EXECUTOR, "delete_task", Map.of());
        run = Runs.and(run, Runs.completed(Agent.EXECUTOR, 1, new AgentAnswer.Calls("", List.of(create, delete))));
        run = Runs.refused(Runs.settled(run, create, false, Map.of("ok", true)), delete, "delete_task", "never");
        return ask(Agent.EXECUTOR, run, "create_task");
    }

    @Test
    void updateWithoutAnIdTakesTheFirstTaskThatIsListed() {
        var id = "task_0198c0de-0000-7000-8000-00000000000a";
        var run = Runs.proposed("Update my tasks to urgent", new TaskProposal("t", "high", ""));
        var list = new ToolCall("call_1", Agent.EXECUTOR, "list_tasks", Map.of());
        run = Runs.and(run, Runs.completed(Agent.EXECUTOR, 1, new AgentAnswer.Calls("", List.of(list))));
        run = Runs.settled(run, list, false, List.of(Map.of("id", id)));

        var answer = (AgentAnswer.Calls) ask(Agent.EXECUTOR, run, "update_task", "list_tasks");

        assertThat(answer.calls().get(0).id()).isEqualTo("call_2");
        assertThat(answer.calls().get(0).arguments()).isEqualTo(Map.of("task_id", id, "priority", "high"));
    }
}

package io.taskpilot.tool;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.resilience.Failure.Violation;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArgumentSchemaTest {
    private static final String ID = "task_0197f3c2-4111-7111-8111-111111111111";

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "create_task|{'title':'t','priority':'high','description':''}",
                "update_task|{'task_id':'ID','title':'t'}",
                "update_task|{'task_id':'ID','priority':'low','description':'d'}",
                "list_tasks|{}",
                "list_tasks|{'status':'executed','priority':'medium','limit':50}",
                "delete_task|{'task_id':'ID'}"
            })
    void argumentsThatFitPass(String tool, String arguments) {
        assertThat(check(tool, arguments)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "create_task|{}|/title: missing",
                "create_task|{'title':'t','priority':'high'}|/description: missing",
                "update_task|{'task_id':'ID'}|Instance does not have at least 2 properties",
                "create_task|{'title':'','priority':'high','description':''}|/title: String is too short",
                "create_task|{'title':1,'priority':'high','description':''}|/title: Instance type number is invalid",
                "create_task|{'title':'t','priority':'urgent','description':''}|/priority: Instance does not match any",
                "create_task|{'title':'t','priority':'low','description':null}|/description: Instance type null",
                "create_task|{'title':'t','priority':'low','description':'','status':'executed'}|/status: unknown (expected: description, priority, title)",
                "update_task|{'title':'t','priority':'low'}|/task_id: missing",
                "update_task|{'task_id':'1','title':'t'}|/task_id: String does not match pattern",
                "update_task|{'task_id':'ID\\n','title':'t'}|/task_id: String is too long",
                "list_tasks|{'limit':51}|/limit: 51 is greater than 50",
                "list_tasks|{'limit':0}|/limit: 0 is less than 1",
                "list_tasks|{'limit':1.5}|/limit: Instance type number is invalid",
                "list_tasks|{'status':'gone'}|/status: Instance does not match any",
                "delete_task|{'all':true}|/all: unknown (expected: task_id)"
            })
    void argumentsThatDoNotFitAreNamedByPlace(String tool, String arguments, String mistake) {
        assertThat(check(tool, arguments)).extracting(Violation::text).anyMatch(line -> line.startsWith(mistake));
    }

    @Test
    void eachFieldHasAMistakeOfItsOwn() {
        assertThat(check("create_task", "{'priority':'urgent','foo':1}"))
                .extracting(Violation::pointer)
                .containsExactlyInAnyOrder("/title", "/description", "/priority", "/foo");
    }

    @Test
    void limitsCountCharactersAsThePolicyDoes() {
        var create = new ArgumentSchema(parameters("create_task"));
        var emoji = "\ud83d\ude00";

        assertThat(create.apply(
                        Map.of("title", emoji.repeat(500), "priority", "low", "description", "x".repeat(10_000))))
                .isEmpty();
        assertThat(create.apply(Map.of("title", emoji.repeat(501), "priority", "low", "description", "")))
                .hasSize(1);
        assertThat(create.apply(Map.of("title", "t", "priority", "low", "description", "x".repeat(10_001))))
                .hasSize(1);
    }

    @Test
    void mistakesDoNotQuoteTexts() {
        assertThat(check("create_task", "{'title':'t','priority':'my-secret','description':''}"))
                .noneMatch(mistake -> mistake.text().contains("my-secret"));
    }

    @Test
    void parametersStayAsTheyAreAndTheCheckCanBeRepeated() {
        var schema = new JsonObject(parameters("list_tasks")).copy();
        var before = schema.encode();
        var list = new ArgumentSchema(schema.getMap());

        assertThat(list.apply(Map.of("limit", 51))).hasSize(1).isEqualTo(list.apply(Map.of("limit", 51)));
        assertThat(schema.encode()).isEqualTo(before);
    }

    private static List<Violation> check(String tool, String arguments) {
        var json = new JsonObject(arguments.replace('\'', '"').replace("ID", ID));
        return new ArgumentSchema(parameters(tool)).check(json.getMap());
    }

    private static Map<String, Object> parameters(String tool) {
        return switch (tool) {
            case "create_task" -> new CreateTask().spec().parameters();
            case "update_task" -> UpdateTask.SPEC.parameters();
            case "list_tasks" -> ListTasks.SPEC.parameters();
            case "delete_task" -> DeleteTask.SPEC.parameters();
            default -> throw new IllegalArgumentException(tool);
        };
    }
}

package io.taskpilot;

import static org.junit.jupiter.api.extension.ConditionEvaluationResult.disabled;
import static org.junit.jupiter.api.extension.ConditionEvaluationResult.enabled;

import io.taskpilot.outside.Tool;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The class takes tens of seconds, most of them waiting for the time-outs of production or for processes. It runs where
 * TASKPILOT_REQUIRE_TOOLS is true, as it is in {@code .ci/run}, and where tests are named by {@code -Dtest}, {@code
 * -Dit.test} or the profile {@code chaos}; else it is skipped with that reason, for {@code mvn verify} to take minutes.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(LongRunning.Wanted.class)
public @interface LongRunning {
    /** Whether there is time for it. */
    final class Wanted implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return Tool.areRequired() || isNamed(context.getRequiredTestClass())
                    ? enabled("there is time for long tests")
                    : disabled("takes long: set TASKPILOT_REQUIRE_TOOLS=true, or name tests by -Dtest or -Dit.test");
        }

        private static boolean isNamed(Class<?> test) {
            return Stream.of(test.getSimpleName().endsWith("IT") ? "it.test" : "test", "tests.long")
                    .anyMatch(name -> System.getProperty(name) != null);
        }
    }
}

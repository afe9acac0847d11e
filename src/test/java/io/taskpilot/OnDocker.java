package io.taskpilot;

import static org.junit.jupiter.api.extension.ConditionEvaluationResult.disabled;
import static org.junit.jupiter.api.extension.ConditionEvaluationResult.enabled;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.testcontainers.DockerClientFactory;

/**
 * What the tests of this class talk to runs in a container. Where no Docker engine answers they are skipped with that
 * reason, also with TASKPILOT_REQUIRE_TOOLS: the same contract is tested against a process everywhere.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(OnDocker.Engine.class)
public @interface OnDocker {
    /** The one Docker engine, asked when the first test needs it. */
    final class Engine implements ExecutionCondition {
        public static final String MISSING = "no Docker engine answers";

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return answers() ? enabled("a Docker engine answers") : disabled(MISSING);
        }

        public static boolean answers() {
            return Asked.ANSWERS;
        }

        /** Whether the class of this test is one of those. */
        public static boolean isAskedBy(TestInfo test) {
            return test.getTestClass().orElseThrow().isAnnotationPresent(OnDocker.class);
        }

        private static final class Asked {
            static final boolean ANSWERS = DockerClientFactory.instance().isDockerAvailable();
        }
    }
}

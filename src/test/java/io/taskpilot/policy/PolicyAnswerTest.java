package io.taskpilot.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PolicyAnswerTest {
    private static final String GOOD = "{'result': {'decision': 'require_approval', 'reasons': ['a', 'b'], 'rule': 'r',"
            + " 'revision': '7', 'approval': {'roles': ['approver', 'lead'], 'ttl_s': 60}}}";

    @Test
    void aWholeAnswerIsAVerdict() {
        assertThat(verdict(GOOD))
                .isEqualTo(new PolicyVerdict(
                        DecisionResult.REQUIRE_APPROVAL,
                        "r",
                        List.of("a", "b"),
                        "7",
                        List.of("approver", "lead"),
                        Duration.ofMinutes(1)));
    }

    @ParameterizedTest
    @CsvSource({"allow, ALLOW", "deny, DENY", "require_approval, REQUIRE_APPROVAL"})
    void threeWordsAreKnown(String word, DecisionResult result) {
        assertThat(verdict(GOOD.replace("require_approval", word)).result()).isEqualTo(result);
    }

    @Test
    void whoMayComeInIsAllowedOrDeniedAndNobodyIsAsked() {
        var allowed = "{'result': {'decision': 'allow', 'reasons': [], 'rule': 'scopes', 'revision': '7'}}";

        assertThat(PolicyAnswer.admission(served(allowed)))
                .isEqualTo(new PolicyVerdict(DecisionResult.ALLOW, "scopes", List.of(), "7", List.of(), Duration.ZERO));
        assertThat(PolicyAnswer.admission(served(allowed.replace("allow", "deny")))
                        .result())
                .isEqualTo(DecisionResult.DENY);
        for (var wrong : List.of(
                allowed.replace("allow", "require_approval"),
                allowed.replace("allow", "ALLOW"),
                allowed.replace("'reasons': [], ", ""),
                allowed.replace("'scopes'", "''"),
                allowed.replace("'7'", "7"),
                "{'result': true}")) {
            assertUnavailable(() -> PolicyAnswer.admission(served(wrong)));
        }
    }

    private static JsonNode served(String answer) {
        return PolicyAnswer.ofServer(json(answer)).result();
    }

    @Test
    void fieldsItDoesNotKnowArePassedOver() {
        assertThat(verdict(GOOD.replace("'rule'", "'note': {'x': 1}, 'rule'"))).isEqualTo(verdict(GOOD));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "31536000"})
    void theTimeToLiveHasBounds(String seconds) {
        assertThat(verdict(GOOD.replace("60", seconds)).approvalTtl())
                .isEqualTo(Duration.ofSeconds(Long.parseLong(seconds)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                // what stands in the good answer | what stands there instead
                "'decision': 'require_approval', |",
                "'reasons': ['a', 'b'], |",
                "'rule': 'r', |",
                "'revision': '7', |",
                ", 'approval': {'roles': ['approver', 'lead'], 'ttl_s': 60} |",
                "'roles': ['approver', 'lead'], |",
                ", 'ttl_s': 60 |",
                "'require_approval' | 'ALLOW'",
                "'require_approval' | 'Allow'",
                "'require_approval' | 'allow '",
                "'require_approval' | 'allowed'",
                "'require_approval' | 'modified'",
                "'require_approval' | 'error'",
                "'require_approval' | ''",
                "'require_approval' | true",
                "'require_approval' | 1",
                "'require_approval' | null",
                "'require_approval' | ['allow']",
                "'require_approval' | {'allow': true}",
                "'rule': 'r' | 'rule': ''",
                "'rule': 'r' | 'rule': null",
                "'rule': 'r' | 'rule': 1",
                "'7' | 7",
                "'7' | ' '",
                "['a', 'b'] | 'a'",
                "['a', 'b'] | {'0': 'a'}",
                "['a', 'b'] | ['a', null]",
                "['a', 'b'] | [['a']]",
                "['a', 'b'] | null",
                "['approver', 'lead'] | 'approver'",
                "['approver', 'lead'] | [1]",
                "['approver', 'lead'] | ['']",
                "60 | '60'",
                "60 | 60.5",
                "60 | -1",
                "60 | 31536001",
                "60 | 99999999999999999999",
                "60 | null",
                "{'roles': ['approver', 'lead'], 'ttl_s': 60} | []",
                "{'roles': ['approver', 'lead'], 'ttl_s': 60} | null",
                "'rule': 'r' | 'rule': 'r', 'decision': 'allow'",
                "{'result' | {'results'",
            })
    void anythingElseIsNoVerdict(String good, String bad) {
        var answer = GOOD.replace(good, bad == null ? "" : bad);

        assertThat(answer).isNotEqualTo(GOOD);
        assertUnavailable(() -> verdict(answer));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "{}", "[]", "null", "true", "'allow'", "{'result': null}", "{'result': {}}", "{'result'"})
    void anUndefinedRuleIsNoVerdict(String answer) {
        assertUnavailable(() -> verdict(answer));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{}",
                "[{}]",
                "[null]",
                "{'result': {}}",
                "[{'result': {}}, {'result': {}}]",
                "[{'result': {}}] x"
            })
    void aModuleAnswersWithExactlyOneResult(String answer) {
        assertUnavailable(() -> PolicyAnswer.ofModule(json(answer)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "'create_task'", "['create_task', 1]", "[['create_task']]", "['']", "true", "null"})
    void anOfferIsAListOfNames(String answer) {
        assertUnavailable(() -> PolicyAnswer.offered(
                PolicyAnswer.ofServer(json("{'result': " + answer + "}")).result()));
    }

    @Test
    void anOfferMayBeEmpty() {
        assertThat(PolicyAnswer.offered(
                        PolicyAnswer.ofServer(json("{'result': []}")).result()))
                .isEmpty();
    }

    private static PolicyVerdict verdict(String answer) {
        return PolicyAnswer.verdict(PolicyAnswer.ofServer(json(answer)).result());
    }

    private static void assertUnavailable(ThrowingCallable call) {
        assertThatThrownBy(call)
                .asInstanceOf(type(Failure.class))
                .extracting(Failure::slug)
                .isEqualTo("policy-unavailable");
    }

    private static String json(String singleQuoted) {
        return singleQuoted.replace('\'', '"');
    }
}

package io.taskpilot.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Usage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AnswerParserTest {
    private static final String GOOD = "{\"title\":\"Prepare\",\"priority\":\"high\",\"description\":\"\"}";

    private static AnswerParser said(String text, FunctionCall... calls) {
        return new AnswerParser(new Answer(text, List.of(calls), Usage.NONE, "p", "m"));
    }

    private static FunctionCall call(String name, String arguments) {
        return new FunctionCall("x", name, arguments);
    }

    private static List<String> errors(AgentAnswer answer) {
        assertThat(answer).isInstanceOf(AgentAnswer.Invalid.class);
        return ((AgentAnswer.Invalid) answer).errors();
    }

    @Test
    void plannersOneCallIsAProposal() {
        assertThat(said("", call("propose_task", GOOD)).planner())
                .isEqualTo(new AgentAnswer.Proposal(new TaskProposal("Prepare", "high", "")));
    }

    @Test
    void plannerMustCallProposeTaskExactlyOnce() {
        var error = "expected exactly one call of propose_task (got %d calls)";
        assertThat(errors(said(GOOD).planner())).containsExactly(error.formatted(0));
        assertThat(errors(said("", call("create_task", GOOD)).planner())).containsExactly(error.formatted(1));
        assertThat(errors(said("", call("propose_task", GOOD), call("propose_task", GOOD))
                        .planner()))
                .containsExactly(error.formatted(2));
    }

    @Test
    void everyMistakeOfAProposalIsNamed() {
        var arguments = "{\"title\":\" \",\"priority\":\"HIGH\",\"extra\":1}";
        assertThat(errors(said("", call("propose_task", arguments)).planner()))
                .containsExactly(
                        "title: 1 characters (expected: 1..500, not blank)",
                        "priority: not one of high, medium, low",
                        "description: missing",
                        "extra: unknown property");
    }

    @Test
    void titleIsMeasuredInCodePoints() {
        var longest = "\uD83D\uDE80".repeat(500);
        assertThat(said("", call("propose_task", GOOD.replace("Prepare", longest)))
                        .planner())
                .isInstanceOf(AgentAnswer.Proposal.class);
        assertThat(errors(said("", call("propose_task", GOOD.replace("Prepare", longest + "x")))
                        .planner()))
                .containsExactly("title: 501 characters (expected: 1..500, not blank)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"APPROVE", "  APPROVE\n", "\tAPPROVE "})
    void exactWordIsAVerdict(String text) {
        assertThat(said(text).reviewer()).isEqualTo(new AgentAnswer.Review(ReviewVerdict.APPROVE, text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "DO NOT APPROVE",
                "approve",
                "APPROVE.",
                "APPROVED",
                "**APPROVE**",
                "\"APPROVE\"",
                "",
                "APPROVE REJECTED",
                "APPROVE\u0000",
                "\u200bAPPROVE",
                "АPPROVE",
                "I would APPROVE this",
                "REJECT",
                "REVIEW"
            })
    void anythingButTheThreeWordsIsReview(String text) {
        assertThat(((AgentAnswer.Review) said(text).reviewer()).verdict()).isEqualTo(ReviewVerdict.REVIEW);
    }

    @Test
    void rejectedIsRead() {
        assertThat(((AgentAnswer.Review) said("REJECTED").reviewer()).verdict()).isEqualTo(ReviewVerdict.REJECTED);
    }

    @Test
    void reviewerThatCallsAFunctionDoesNotApprove() {
        var answer =
                (AgentAnswer.Review) said("APPROVE", call("create_task", "{}")).reviewer();
        assertThat(answer.verdict()).isEqualTo(ReviewVerdict.REVIEW);
    }

    @Property
    void noTextWithAnythingBesideTheWordApproves(@ForAll String before, @ForAll String after) {
        var text = before + "APPROVE" + after;
        var verdict = ((AgentAnswer.Review) said(text).reviewer()).verdict();
        assertThat(verdict == ReviewVerdict.APPROVE).isEqualTo(text.strip().equals("APPROVE"));
    }

    @Test
    void executorsCallsContinueTheCount() {
        var answer =
                said("", call("create_task", GOOD), call("list_tasks", "{}")).executor(2);

        assertThat(((AgentAnswer.Calls) answer).calls())
                .extracting(made -> made.id() + " " + made.tool())
                .containsExactly("call_3 create_task", "call_4 list_tasks");
    }

    @Test
    void executorsTextIsItsEnd() {
        assertThat(said("Done.").executor(0)).isEqualTo(new AgentAnswer.Text("Done."));
        assertThat(errors(said(" \n").executor(0))).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "null",
                "[]",
                "7",
                "\"{}\"",
                "{",
                "{}{}",
                "{} x",
                "{},",
                "{'a':1}",
                "{a:1}",
                "{\"a\":1,}",
                "{\"a\":1,\"a\":2}",
                "{\"b\":{\"a\":1,\"\\u0061\":2}}",
                "{\"a\":NaN}",
                "{\"a\":1e999}",
                "{\"a\":01}",
                "{\"a\":\"\n\"}",
                "// c\n{}",
                "\uFEFF{}",
                "{\"a\":tru}",
                "{\"a\u0000\":1,\"a\\uFFFD\":2}"
            })
    void argumentsThatAreNotOneCleanObjectAreInvalid(String arguments) {
        var answer = said("", call("create_task", "{}"), call("list_tasks", arguments))
                .executor(0);

        assertThat(errors(answer)).singleElement().asString().startsWith("call 2, arguments of list_tasks: ");
    }

    @Test
    void argumentsMayBe32LevelsDeep() {
        assertThat(said("", call("t", "{\"a\":".repeat(31) + "{}" + "}".repeat(31)))
                        .executor(0))
                .isInstanceOf(AgentAnswer.Calls.class);
        assertThat(errors(said("", call("t", "{\"a\":".repeat(32) + "{}" + "}".repeat(32)))
                        .executor(0)))
                .containsExactly("call 1, arguments of t: deeper than 32 levels, or a value too long");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a\n", "tool\u0000", "éa", "x{}"})
    void whatIsNotAToolsNameIsInvalid(String name) {
        assertThat(errors(said("", call(name, "{}")).executor(0))).containsExactly("call 1: not a tool's name");
    }

    @Test
    void nulAndLoneSurrogatesAreReplacedEverywhere() {
        var parser = said("a\u0000b\uD800", call("t", "{\"k\\u0000\":[\"v\\u0000\\udc00\",{\"x\":\"\\u0000\"}]}"));

        var answer = (AgentAnswer.Calls) parser.executor(0);

        assertThat(answer.text()).isEqualTo("a\uFFFDb\uFFFD");
        assertThat(answer.calls().get(0).arguments())
                .isEqualTo(Map.of("k\uFFFD", List.of("v\uFFFD\uFFFD", Map.of("x", "\uFFFD"))));
        assertThat(parser.raw()).doesNotContain("\u0000");
    }

    @Test
    void railSeesTextAndEveryCall() {
        assertThat(said("note", call("a", "{}"), call("b", "{\"x\":1}")).raw()).isEqualTo("note\na {}\nb {\"x\":1}");
        assertThat(said("", call("a", "{")).raw()).isEqualTo("a {");
        assertThat(said("only text").raw()).isEqualTo("only text");
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void whatIsWrittenAsJsonIsReadBack(@ForAll("objects") Map<String, Object> object) {
        var answer = said("", call("t", CanonicalJson.of(object))).executor(0);

        assertThat(CanonicalJson.of(((AgentAnswer.Calls) answer).calls().get(0).arguments()))
                .isEqualTo(CanonicalJson.of(object));
    }

    @Property
    void noTextMakesTheParserThrow(@ForAll String text, @ForAll String name, @ForAll String arguments) {
        var parser = said(text, call(name, arguments), call("propose_task", arguments));

        assertThat(List.of(parser.planner(), parser.reviewer(), parser.executor(0), parser.raw()))
                .hasSize(4);
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void everyPrefixOfAnObjectIsInvalid(@ForAll("objects") Map<String, Object> object, @ForAll double share) {
        var json = CanonicalJson.of(object);
        var prefix = json.substring(0, (int) (Math.abs(share % 1) * json.length()));

        assertThat(errors(said("", call("t", prefix)).executor(0))).hasSize(1);
    }

    @Provide
    Arbitrary<Map<String, Object>> objects() {
        var texts = Arbitraries.strings().withCharRange('\u0001', '\uD7FF').ofMaxLength(8);
        Arbitrary<Object> leaves = Arbitraries.oneOf(
                texts.map(text -> (Object) text),
                Arbitraries.integers().map(number -> (Object) number),
                Arbitraries.doubles().map(number -> (Object) number),
                Arbitraries.of(true, false).map(flag -> (Object) flag));
        var values = Arbitraries.recursive(
                () -> leaves,
                inner -> Arbitraries.oneOf(
                        inner.list().ofMaxSize(3).map(list -> (Object) new ArrayList<>(list)),
                        Arbitraries.maps(texts, inner).ofMaxSize(3).map(map -> (Object) new LinkedHashMap<>(map))),
                0,
                3);
        return Arbitraries.maps(texts, values).ofMaxSize(4);
    }
}

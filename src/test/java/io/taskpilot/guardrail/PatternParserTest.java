package io.taskpilot.guardrail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PatternParserTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\\d",
                "\\w+",
                "\\s",
                "\\S",
                "\\bword\\b",
                "\\Aa",
                "a\\Z",
                "a\\z",
                "\\1",
                "(a)\\1",
                "\\x41",
                "\\u0041",
                "\\Qa\\E",
                "\\p{L}",
                "\\a",
                "\\f",
                "\\v",
                "\\0",
                "(?i)a",
                "(?i:a)",
                "(?s).",
                "(?P<n>a)",
                "(?P=n)",
                "(?<n>a)",
                "(?=a)",
                "(?!a)",
                "(?<=a)b",
                "(?<!a)b",
                "(?>a)",
                "(?#a)",
                "a++",
                "a*+",
                "a?+",
                "a**",
                "a{2}{3}",
                "a+??",
                "*a",
                "+a",
                "?a",
                "(*a)",
                "a|*",
                "{2}",
                "a{",
                "a{,5}",
                "a{x}",
                "a{2",
                "a{2,1}",
                "a{1001}",
                "a{0,1001}",
                "a{99999999999}",
                "a}",
                "a]",
                "[",
                "[]",
                "[]a]",
                "[^]a]",
                "[a",
                "[[:alpha:]]",
                "[a[b]",
                "[a&&b]",
                "[a||b]",
                "[a~~b]",
                "[--a]",
                "[z-a]",
                "[\\d]",
                "[\\w-]",
                "(",
                "(a",
                "a)",
                "(?",
                "(?:",
                "\\",
                "^*",
                "^+",
                "$?",
                "a$b",
                "$a",
                "a$|b",
                "(a$)b",
                "(?:a|$)?",
                "\u00e9",
                "[\u00e9]",
                "a\u0000",
                "a{1000}{2}",
                "(?:a{1000}){1000}",
                "(?:(?:a{11})b){100}",
                "(?:a{11}*)"
            })
    void patternThatTheEnginesMightReadDifferentlyIsRefused(String pattern) {
        assertThatThrownBy(() -> new RailPattern(pattern, false)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a",
                "a b",
                "a|b",
                "(a|b)c",
                "(?:a|b)*",
                "a*",
                "a+?",
                "a{2}",
                "a{2,}",
                "a{2,5}?",
                "[a-z0-9]",
                "[^a-z]",
                "[a-]",
                "[-a]",
                "[\\]\\[\\\\-]",
                "\\.\\*\\+\\?\\(\\)\\|\\[\\]\\{\\}\\^\\$\\\\\\-\\/",
                "^a",
                "(?:^|a)b",
                "a$",
                "(?:a|$)",
                "((a|b$))",
                "",
                "()",
                "a||b",
                "\\n\\r\\t",
                ".",
                "'\"#&~@!%,:;<=>_`"
            })
    void patternOfTheCommonSubsetIsTaken(String pattern) {
        assertThat(new RailPattern(pattern, true)).isNotNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "abc abc",
                "ab+c a,b,c",
                "ab?cd cd",
                "ab{0,3}cd cd",
                "ab{2}c a,b,c",
                "a[xy]bcd bcd",
                "(?:foo|ba)quux quux",
                "(?:foo|bar)x+ foo,bar",
                "a(?:foo|bar)? a",
                "a\\.b a.b"
            })
    void textWithoutAnyOfTheseLiteralsCannotMatch(String pattern, String literals) {
        assertThat(new PatternParser(pattern).literals())
                .isSubsetOf(literals.split(","))
                .isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"[a-z]", "a|[b]", "a*", "(?:a|b?)", "^", ".", "a|"})
    void patternThatNeedsNoLiteralHasNone(String pattern) {
        assertThat(new PatternParser(pattern).literals()).isEmpty();
    }
}

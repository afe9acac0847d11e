package io.taskpilot.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RedactionTest {
    private static final Map<String, Object> CALL = Map.of(
            "message", "call 555-1234",
            "login", Map.of("user", "ann", "password", "hunter2", "tokens", List.of("t-1", Map.of("token", 12345))),
            "no", "no");

    private static Redaction hiding(String... paths) {
        return new Redaction(Arrays.stream(paths)
                .map(path -> Objects.requireNonNull(JsonPath.parse(path)))
                .toList());
    }

    @Test
    void whatThePathsSelectIsHiddenAndTheRestIsNot() {
        assertThat(hiding("$..password", "$..token", "$.parameters.message").arguments(CALL))
                .isEqualTo(Map.of(
                        "message", "***",
                        "login",
                                Map.of(
                                        "user",
                                        "ann",
                                        "password",
                                        "***",
                                        "tokens",
                                        List.of("t-1", Map.of("token", "***"))),
                        "no", "no"));
        assertThat(hiding("$.message", "$..Password").arguments(CALL)).isEqualTo(CALL);
        assertThat(hiding("$.parameters").arguments(CALL)).isEqualTo("***");
        assertThat(hiding("$.*").arguments(CALL)).isEqualTo("***");
        assertThat(hiding("$.parameters['login'].*").arguments(CALL))
                .isEqualTo(Map.of(
                        "message", "call 555-1234",
                        "login", Map.of("user", "***", "password", "***", "tokens", "***"),
                        "no", "no"));
    }

    @Test
    void aTextAboutTheCallDoesNotTellItEither() {
        var redaction = hiding("$..password", "$..token", "$.parameters.no");

        assertThat(redaction.text("the password hunter2 (not hunter) of 12345 is no password", CALL))
                .isEqualTo("the password *** (not hunter) of *** is no password");
        assertThat(hiding("$.parameters").text("ann said: call 555-1234", CALL)).isEqualTo("*** said: ***");
        assertThat(hiding().text("hunter2", CALL)).isEqualTo("hunter2");
    }

    @Test
    void aValueInsideAnotherLeavesNothingOfIt() {
        Map<String, Object> nested = Map.of("password", "open", "secret", "open sesame");

        assertThat(hiding("$..password", "$..secret").text("said open sesame", nested))
                .isEqualTo("said ***");
    }
}

package io.taskpilot.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RedactorTest {
    private final Redactor redactor = new Redactor(List.of("hunter2", "hunter2-and-more", "abc"));

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "the password is hunter2, or was | the password is ***, or was",
                "x hunter2-and-more y | x *** y",
                "Authorization: Bearer abcdef0123456789 | Authorization: Bearer ***",
                "basic dXNlcjpwYXNz and more | basic *** and more",
                "key tp_ab12cd34_s3cr3t-S_cret here | key *** here",
                "sk-proj-0123456789abcdef0123 failed | *** failed",
                "AKIAIOSFODNN7EXAMPLE | ***",
                "secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | secret ***",
                "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_def | jwt ***",
                "postgresql://ann:pass@db:5432/x | postgresql://***@db:5432/x",
                "password=letmein&x=1 | password=***&x=1",
                "{\"api_key\": \"12345678\"} | {\"api_key\": \"***\"}",
                "API-KEY: 12345678 ApiKey=12345678 | API-KEY: *** ApiKey=***",
                "PassWord: letmein PASSWD=letmein Secret='letmein' | PassWord: *** PASSWD=*** Secret='***'",
                "Access_Token=letmein accesstoken = letmein | Access_Token=*** accesstoken = ***",
                "BEARER abcdef0123456789 Basic  dXNlcjpwYXNz | BEARER *** Basic ***",
                "pk-0123456789abcdef0123 rk-0123456789abcdef0123 | *** ***",
                "wrong basic password: letmein99 | wrong basic ***: ***",
                "no bearer access_token: abcdef012345 | no bearer ***: ***",
                "Bearer tp_ab12cd34_s3cr3t, sk-0123456789abcdef0123: sent | Bearer ***, ***: sent",
            })
    void secretsAreHidden(String text, String shown) {
        assertThat(redactor.clean(text)).isEqualTo(shown);
    }

    @ParameterizedTest
    @CsvSource({
        "run finished id=run_0192 status=succeeded",
        "the key lacks the scope admin",
        "abc is too short to be told from other words",
        "accepting url=http://127.0.0.1:8000 management=http://127.0.0.1:8081",
        "a basic thing",
        "bearer of news",
        "secretary=of the board",
        "io.vertx.core.json.JsonObject is not what was expected",
        "cause=java.lang.IllegalStateException: seq 5 after 3",
    })
    void whatIsNoneIsLeftAsItIs(String text) {
        assertThat(redactor.clean(text)).isSameAs(text);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "claim failed cause=io.vertx.pgclient.PgException: ERROR: invalid input: \"mine\" (22P02)"
                        + " | claim failed cause=io.vertx.pgclient.PgException: *** (22P02)",
                "claim failed cause=io.vertx.pgclient.PgException: ERROR: relation \"tasks\" does not exist (42P01)"
                        + " | claim failed cause=io.vertx.pgclient.PgException: ERROR: relation \"tasks\" does not exist (42P01)",
                "no verdict cause=java.util.concurrent.CompletionException: com.fasterxml.jackson.core.JsonParseException:"
                        + " Unrecognized token 'mine' | no verdict cause=java.util.concurrent.CompletionException:"
                        + " com.fasterxml.jackson.core.JsonParseException: ***",
                "hunter2 cause=java.lang.NumberFormatException: For input string: \"mine\""
                        + " | *** cause=java.lang.NumberFormatException: ***",
                "cause=io.vertx.core.json.DecodeException: Failed to decode:io.vertx.pgclient.PgException: x (42P01)"
                        + " | cause=io.vertx.core.json.DecodeException: ***",
            })
    void soAreTheyWhereATextTellsOfThem(String text, String shown) {
        assertThat(redactor.clean(text)).isEqualTo(shown);
    }

    @Test
    void whoWrapsWhatQuotesItsInputQuotesItToo() {
        var wrapper = new CompletionException(new NumberFormatException("For input string: \"mine\""));

        assertThat(redactor.clean(wrapper.getClass().getName(), String.valueOf(wrapper.getMessage())))
                .isEqualTo("java.lang.NumberFormatException: ***");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "io.vertx.pgclient.PgException | ERROR: relation \"tasks\" does not exist (42P01)"
                        + " | ERROR: relation \"tasks\" does not exist (42P01)",
                "io.vertx.pgclient.PgException | ERROR: invalid input syntax for type uuid: \"mine\" (22P02) | *** (22P02)",
                "com.fasterxml.jackson.core.JsonParseException | Unrecognized token 'mine' | ***",
                "java.lang.NumberFormatException | For input string: \"mine\" | ***",
                "java.lang.IllegalStateException | seq 5 after 3 | seq 5 after 3",
            })
    void messagesOfWhatQuotesItsInputAreKeptBack(String thrown, String message, String shown) {
        assertThat(redactor.clean(thrown, message)).isEqualTo(shown);
    }
}

package io.taskpilot.resilience;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.MultiMap;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RetryAfterTest {
    private static final Instant NOW = Instant.parse("2026-11-23T12:00:00Z");

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Retry-After    | 3                             | 3000",
                "retry-after    | 0                             | 0",
                "Retry-After    | -1                            | 0",
                "Retry-After    | 1.5                           | 0",
                "Retry-After    | soon                          | 0",
                "Retry-After    | 99999999999999999999          | 0",
                "Retry-After    | Mon, 23 Nov 2026 12:00:07 GMT | 7000",
                "Retry-After    | Mon, 23 Nov 2026 11:59:00 GMT | 0",
                "Retry-After    | Mon, 99 Nov 2026 11:59:00 GMT | 0",
                "retry-after-ms | 250                           | 250",
                "x-other        | 5                             | 0",
            })
    void headerIsReadAsAWait(String header, String value, long millis) {
        var headers = MultiMap.caseInsensitiveMultiMap().add(header, value);

        assertThat(RetryAfter.of(headers, NOW)).isEqualTo(Duration.ofMillis(millis));
    }
}

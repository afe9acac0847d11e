package io.taskpilot.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {

    @ParameterizedTest
    @CsvSource({"250ms,PT0.25S", "30s,PT30S", "5m,PT5M", "1h,PT1H", "7d,PT168H", "PT1M30S,PT1M30S", "0s,PT0S"})
    void readsWhatPeopleWrite(String text, Duration duration) {
        assertThat(Durations.parse(text)).isEqualTo(duration);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "5", "s", "5 s", "5S", "-5s", "PT-5S", "1.5s", "P", "9999999999s", "soon", "5min"})
    void refusesWhatIsNotClear(String text) {
        assertThat(Durations.parse(text)).isNull();
    }

    @Property
    void readsWhatItWrites(@ForAll @LongRange(min = 0, max = 400_000_000L) long millis) {
        var duration = Duration.ofMillis(millis);

        assertThat(Durations.parse(Durations.format(duration))).isEqualTo(duration);
    }
}

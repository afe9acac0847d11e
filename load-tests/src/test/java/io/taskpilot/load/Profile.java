package io.taskpilot.load;

import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.rampUsersPerSec;

import io.gatling.javaapi.core.OpenInjectionStep;
import java.time.Duration;
import java.util.Locale;

/** How much load, for how long: {@code -Dprofile=smoke|steady|ramp}, {@code -Drate=} runs per second at its height. */
enum Profile {
    /** Seconds: whether it works at all. */
    SMOKE(2, Duration.ofSeconds(5)),
    /** Minutes at one rate: what a day is like. */
    STEADY(10, Duration.ofMinutes(3)),
    /** From one run a second upwards: where it bends. */
    RAMP(50, Duration.ofMinutes(5));

    private final double rate;
    private final Duration duration;

    Profile(double rate, Duration duration) {
        this.rate = rate;
        this.duration = duration;
    }

    static Profile chosen() {
        return valueOf(System.getProperty("profile", "smoke").toUpperCase(Locale.ROOT));
    }

    /** @param runs of one user */
    OpenInjectionStep users(int runs) {
        var users = Double.parseDouble(System.getProperty("rate", String.valueOf(rate))) / runs;
        return this == RAMP
                ? rampUsersPerSec(1.0 / runs).to(users).during(duration)
                : constantUsersPerSec(users).during(duration);
    }
}

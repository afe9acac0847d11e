package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.app.Dependency.Act;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** A server goes through the outage of something it needs; it is never restarted. */
final class Outage {
    private static final AtomicInteger count = new AtomicInteger();
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final ApiUser user;
    private final Vitals vitals;
    private final String name;

    Outage(TestServer server, String dependency) {
        user = server.user();
        vitals = new Vitals(server, dependency);
        name = dependency;
    }

    void through(Failing how, Dependency dependency, Act meanwhile) throws Exception {
        through(how.name(), () -> how.begin(dependency), () -> how.end(dependency), meanwhile);
    }

    /**
     * Begins the outage, looks at what clients and probes see, ends it, and prints how long it took from there until a
     * new run had succeeded.
     */
    void through(String how, Act begin, Act end, Act meanwhile) throws Exception {
        awaitSuccess();
        vitals.awaitUp();
        begin.run();
        try {
            meanwhile.run();
            vitals.awaitDown();
        } finally {
            end.run();
        }
        var back = System.nanoTime();
        awaitSuccess();
        var runs = millisSince(back);
        vitals.awaitUp();
        System.out.printf(
                "%s %s: back for %d ms when a new run had succeeded, and %d ms when health said so%n",
                name, how.toLowerCase(Locale.ROOT), runs, millisSince(back));
    }

    private static long millisSince(long nanos) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanos);
    }

    /** A text that nobody has seen: nothing remembers what was said of it. */
    static String input() {
        return "Create a low priority task \"Water plant number %d\"".formatted(count.incrementAndGet());
    }

    HttpResponse<String> submit(String... headers) throws Exception {
        return user.send("POST", "/v1/runs", ApiUser.JSON.writeValueAsString(Map.of("input", input())), headers);
    }

    /** A run fails with the problem, no tool of it starts, and who waits for it gets the problem as the answer. */
    void assertFails(String slug, int status) throws Exception {
        assertThat(failure()).isEqualTo("/problems/" + slug);
        assertProblem(submit("Prefer", "wait=60"), slug, status);
    }

    /** The problem of a run that fails without a tool. */
    String failure() throws Exception {
        var id = user.submit(input());
        var events = user.events(id);
        assertThat(types(events)).doesNotContain("tool.started").last().isEqualTo("run.failed");
        var run = user.get("/v1/runs/" + id);
        assertThat(run.path("status").asText()).isEqualTo("failed");
        return run.path("error").path("type").asText();
    }

    /** Slow, and not too slow: nothing but time is lost. */
    void slow(Dependency dependency, Duration by) throws Exception {
        awaitSuccess();
        dependency.wire().delays(by);
        try {
            assertSucceeds();
            vitals.awaitUp();
        } finally {
            dependency.wire().passes();
        }
        awaitSuccess();
        vitals.awaitUp();
    }

    static void assertProblem(HttpResponse<String> answer, String slug, int status) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(ApiUser.JSON.readTree(answer.body()).path("type").asText()).isEqualTo("/problems/" + slug);
    }

    /** A run goes on as if nothing were wrong. */
    void assertSucceeds() throws Exception {
        var events = user.events(user.submit(input()));
        assertThat(types(events)).last().isEqualTo("run.succeeded");
        startedOnlyWhatWasAllowed(events);
    }

    /** Until a new run has succeeded. */
    void awaitSuccess() throws Exception {
        until(PATIENCE, this::succeeds);
    }

    private boolean succeeds() throws Exception {
        var answer = submit();
        if (answer.statusCode() != 202) {
            return false;
        }
        var events = user.events(ApiUser.JSON.readTree(answer.body()).path("id").asText());
        startedOnlyWhatWasAllowed(events);
        return types(events).contains("run.succeeded");
    }

    /** No tool starts before the event that allows it. */
    static void startedOnlyWhatWasAllowed(List<JsonNode> events) {
        var allowed = new HashSet<String>();
        for (var event : events) {
            var data = event.path("data");
            if (event.path("type").asText().equals("policy.decided")
                    && data.path("verdict").path("result").asText().equals("allow")) {
                allowed.add(data.path("call").path("id").asText());
            } else if (event.path("type").asText().equals("tool.started")) {
                assertThat(allowed).contains(data.path("call_id").asText());
            }
        }
    }

    /** Something that comes true sooner or later. */
    @FunctionalInterface
    interface Condition {
        boolean holds() throws Exception;
    }

    static void until(Duration limit, Condition condition) throws Exception {
        var deadline = System.nanoTime() + limit.toNanos();
        while (!condition.holds()) {
            assertThat(System.nanoTime() - deadline).as("it did not come true").isNegative();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }
}

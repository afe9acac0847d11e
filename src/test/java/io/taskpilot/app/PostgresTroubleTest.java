package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.journal.Postmaster;
import io.taskpilot.journal.TestPostgres;
import java.net.URI;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A whole server while its real PostgreSQL is in trouble: what clients see, and what becomes of the runs. */
@LongRunning
@Timeout(120)
class PostgresTroubleTest {
    private static final int RUNS = 12;
    private static final int STREAMS = 4;
    private static final String STANDBYS = "ANY 1 (standby_b, standby_c)";

    private static Postmaster postgres;
    private static TestServer server;
    private static ApiUser user;
    private static ApiUser operator;
    private static ExecutorService watchers;

    private final CountDownLatch open = new CountDownLatch(STREAMS);

    /** What befalls the database: how it begins and ends, and what works all the same. */
    private enum Trouble {
        STOPPED_FAST(true) {
            @Override
            void begin() {
                postgres.stopFast();
            }

            @Override
            void end() {
                postgres.startAgain();
            }
        },
        KILLED(true) {
            @Override
            void begin() {
                postgres.stopImmediately();
            }

            @Override
            void end() {
                postgres.startAgain();
            }
        },
        FULL_OF_OTHERS(true) {
            @Override
            void begin() {
                postgres.exhaust();
            }

            @Override
            void end() {
                postgres.release();
            }
        },
        READ_ONLY(false) {
            @Override
            void begin() {
                postgres.readOnly(true);
            }

            @Override
            void end() {
                postgres.readOnly(false);
            }
        },
        LOCKED(false) {
            @Override
            void begin() {
                postgres.hold("begin; lock table runs in exclusive mode");
            }

            @Override
            void end() {
                postgres.release();
            }
        },
        STANDBYS_AWAY(false) {
            @Override
            void begin() {
                postgres.waitForStandbys(STANDBYS);
            }

            @Override
            void end() {
                postgres.waitForStandbys("");
            }
        },
        DISK_FULL(false) {
            @Override
            void begin() {
                TestPostgres.execute(postgres.address(), """
                        create function no_space() returns trigger language plpgsql as $$
                        begin raise exception 'No space left on device' using errcode = '53100'; end $$;
                        create trigger no_space before insert on events for each row execute function no_space()
                        """);
            }

            @Override
            void end() {
                TestPostgres.execute(postgres.address(), "drop function no_space cascade");
            }
        };

        final boolean noReads;

        Trouble(boolean noReads) {
            this.noReads = noReads;
        }

        abstract void begin();

        abstract void end();
    }

    @BeforeAll
    static void start() throws Exception {
        postgres = Postmaster.start();
        server = TestServer.start(Map.of(
                "TASKPILOT_POSTGRES_URL", postgres.address().url().value(), "TASKPILOT_LLM_OFFLINE_LATENCY", "300ms"));
        user = server.user();
        operator = new ApiUser(URI.create(server.managementUrl()));
        watchers = Executors.newCachedThreadPool();
    }

    @AfterAll
    static void stop() throws Exception {
        watchers.shutdownNow();
        server.close();
        postgres.close();
    }

    @ParameterizedTest
    @EnumSource(Trouble.class)
    void newRunsAreRefusedAndRunningOnesWait(Trouble trouble) throws Exception {
        var runs = submitted();
        var streams = watched(runs);
        await("the streams are open", () -> open.getCount() == 0);

        trouble.begin();
        try {
            await("new runs are refused", () -> refusesNewRuns());
            await("health names it", () -> health().statusCode() == 503);
            assertThat(health().body()).contains("postgres");
            assertThat(operator.send("GET", "/health/ready", null).statusCode()).isEqualTo(200);
            assertThat(operator.send("GET", "/health/live", null).statusCode()).isEqualTo(200);
            var read = user.send("GET", "/v1/runs/" + runs.get(0), null);
            if (trouble.noReads) {
                assertIsAway(read);
            } else {
                assertThat(read.statusCode()).isEqualTo(200);
            }
        } finally {
            trouble.end();
        }

        await("health is back", () -> health().statusCode() == 200);
        await("new runs are taken", () -> submit().statusCode() == 202);
        assertAllFinish(runs, streams);
    }

    @Test
    void healthShowsWhichStandbysCommitsWaitFor() throws Exception {
        await("nobody", () -> standbys().equals("none"));

        postgres.waitForStandbys(STANDBYS);
        try {
            await("two", () -> standbys().equals(STANDBYS));
        } finally {
            postgres.waitForStandbys("");
        }

        await("nobody again", () -> standbys().equals("none"));
        await("health is back", () -> health().statusCode() == 200);
    }

    private static String standbys() throws Exception {
        var shown = ApiUser.JSON.readTree(health().body()).at("/checks/postgres/synchronous_standby_names");
        assertThat(shown.isMissingNode() || shown.isTextual()).isTrue();
        return shown.isMissingNode() ? "not read yet" : shown.asText().isEmpty() ? "none" : shown.asText();
    }

    /** As in a fail-over, again and again: each time something is under way, and its commit unknown. */
    @Test
    void runsSurviveThatEveryConnectionIsCut() throws Exception {
        var runs = submitted();
        var streams = watched(runs);
        await("the streams are open", () -> open.getCount() == 0);

        for (var cut = 0; cut < 25; cut++) {
            postgres.cutSessions();
            Thread.sleep(40);
        }

        await("health is back", () -> health().statusCode() == 200);
        assertAllFinish(runs, streams);
    }

    private static List<String> submitted() throws Exception {
        var runs = new ArrayList<String>();
        for (var i = 0; i < RUNS; i++) {
            runs.add(user.submit("Create a high priority task to prepare the board deck"));
        }
        return runs;
    }

    /** Streams of the first runs, opened before the trouble. */
    private List<CompletableFuture<List<JsonNode>>> watched(List<String> runs) {
        return runs.subList(0, STREAMS).stream()
                .map(run -> CompletableFuture.supplyAsync(() -> eventsOf(run), watchers))
                .toList();
    }

    private List<JsonNode> eventsOf(String run) {
        try {
            return user.follow(run, 0, event -> {
                if (event.path("seq").asLong() == 1) {
                    open.countDown();
                }
                return ApiUser.isTerminal(event);
            });
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static HttpResponse<String> submit() throws Exception {
        return user.send("POST", "/v1/runs", "{\"input\":\"Create a task to water the plants\"}");
    }

    private static HttpResponse<String> health() throws Exception {
        return operator.send("GET", "/health", null);
    }

    private static boolean refusesNewRuns() throws Exception {
        var answer = submit();
        if (answer.statusCode() == 202) {
            return false;
        }
        assertIsAway(answer);
        return true;
    }

    private static void assertIsAway(HttpResponse<String> answer) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(503);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(answer.headers().firstValue("Retry-After")).isPresent();
        assertThat(ApiUser.JSON.readTree(answer.body()).path("type").asText()).isEqualTo("/problems/overload-journal");
    }

    private static void assertAllFinish(List<String> runs, List<CompletableFuture<List<JsonNode>>> streams)
            throws Exception {
        for (var i = 0; i < runs.size(); i++) {
            var events = user.events(runs.get(i));
            assertThat(ApiUser.types(events)).last().isEqualTo("run.succeeded");
            assertThat(seqs(events)).containsExactlyElementsOf(upTo(events.size()));
            assertThat(ApiUser.types(events).stream().filter("tool.started"::equals))
                    .hasSize(1);
            if (i < streams.size()) {
                assertThat(seqs(streams.get(i).get(30, TimeUnit.SECONDS)))
                        .as("the open stream")
                        .containsExactlyElementsOf(upTo(events.size()));
            }
        }
        assertThat(TestPostgres.query(postgres.address(), """
                        select count(*) from runs r where r.id in (%s)
                          and 1 <> (select count(*) from tasks t where t.run_id = r.id and t.status = 'executed')
                        """.formatted(String.join(
                        ",",
                        runs.stream().map(run -> "'" + run.substring(4) + "'").toList()))))
                .as("runs without exactly one executed task")
                .isEqualTo("0");
    }

    private static List<Long> seqs(List<JsonNode> events) {
        return events.stream().map(event -> event.path("seq").asLong()).toList();
    }

    private static List<Long> upTo(int last) {
        return LongStream.rangeClosed(1, last).boxed().toList();
    }

    private static void await(String what, Callable<Boolean> condition) throws Exception {
        var until = System.nanoTime() + Duration.ofSeconds(40).toNanos();
        while (!condition.call()) {
            assertThat(System.nanoTime()).as(what).isLessThan(until);
            Thread.sleep(20);
        }
    }
}

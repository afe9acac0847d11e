package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnCompleted;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.run.Recorded;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a batch for each class of error: the errors are the server's own, raised where a row is stored. */
class SqlStateTest {
    private static JournalFixture fixture;

    @BeforeAll
    static void open() {
        // the client waits for more after a 57P01 that the server did not mean: one connection is given up
        fixture = new JournalFixture(TestPostgres.database(), Duration.ofSeconds(3), TestPostgres.LONGEST_STALL);
        fixture.register();
        TestPostgres.execute(fixture.address, """
                create sequence refusals;
                create table refusal (state text, times int, needle text);
                create function refuse() returns trigger language plpgsql as $$
                declare wanted refusal;
                begin
                  for wanted in select * from refusal loop
                    if new.data::text like '%' || wanted.needle || '%' and nextval('refusals') <= wanted.times then
                      raise exception 'refused' using errcode = wanted.state;
                    end if;
                  end loop;
                  return new;
                end $$;
                create trigger refuse before insert on events for each row execute function refuse()
                """);
    }

    @AfterAll
    static void close() {
        fixture.close();
    }

    private static void refuse(String state, int times, String needle) {
        TestPostgres.execute(
                fixture.address,
                "delete from refusal; alter sequence refusals restart; insert into refusal values ('%s', %d, '%s')"
                        .formatted(state, times, needle));
    }

    private static List<Owned> runs(int count) {
        var runs = new ArrayList<Owned>();
        for (var i = 0; i < count; i++) {
            runs.add(fixture.owned().appended(started(), turnStarted(1)));
        }
        return runs;
    }

    /** Lost races, and a database that is away, full or in the wrong hands for a moment. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "40001", "40P01", "55P03", "08006", "57014", "57P01", "57P03", "53100", "53200", "53300", "25006",
                "55000"
            })
    void whatMayPassLaterIsSentAgainWhole(String state) {
        var runs = runs(4);
        refuse(state, 2, "later " + state);

        await(Future.all(runs.stream()
                .map(run -> run.append(turnCompleted(1, "later " + state)))
                .toList()));

        for (var run : runs) {
            assertThat(run.history()).extracting(Recorded::seq).containsExactly(1L, 2L, 3L, 4L);
        }
        assertThat(TestPostgres.query(fixture.address, "select last_value > 2 from refusals"))
                .isEqualTo("t");
    }

    /** And what nobody can store fails its own run only. The last is none of the classes: sent again it would be the same. */
    @ParameterizedTest
    @ValueSource(strings = {"22001", "22P05", "23514", "23505", "54000", "54001", "42804"})
    void whatCannotBeStoredFailsItsRunAlone(String state) {
        var runs = runs(6);
        refuse(state, Integer.MAX_VALUE, "bad " + state);

        var good = new ArrayList<Future<Owned>>();
        for (var run : runs.subList(0, 3)) {
            good.add(run.append(turnCompleted(1, "good")));
        }
        var bad = runs.get(3).append(turnCompleted(1, "bad " + state));
        for (var run : runs.subList(4, 6)) {
            good.add(run.append(turnCompleted(1, "good")));
        }

        assertThat(failure(bad)).hasFieldOrPropertyWithValue("slug", "internal-journal");
        await(Future.all(good));
        assertThat(runs.get(3).history()).hasSize(3);
        for (var run : List.of(runs.get(0), runs.get(5))) {
            assertThat(run.history()).hasSize(4);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "statement_timeout,10s",
        "lock_timeout,2s",
        "idle_in_transaction_session_timeout,5s",
        "synchronous_commit,on",
        "transaction_isolation,read committed",
        "TimeZone,UTC"
    })
    void everySessionHasOurSettings(String setting, String value) {
        TestPostgres.execute(fixture.address, """
                do $$ begin
                  execute format('alter database %I set synchronous_commit = off', current_database());
                  execute format('alter database %I set default_transaction_isolation = serializable', current_database());
                end $$""");
        try (var other = fixture.another()) {
            for (var lane :
                    List.of(other.database.shared(), other.database.dedicated("test"), other.database.heartbeats())) {
                assertThat(await(lane.run("show " + setting)).iterator().next().getString(0))
                        .isEqualTo(value);
            }
        }
    }

    @Test
    void whatAnAppendMovesIsOneTransaction() {
        var run = fixture.owned().parked();

        assertThat(TestPostgres.query(fixture.address, """
                        select r.owner is null and r.status = 'awaiting_approval' and a.status = 'pending'
                          and r.xmin = a.xmin and r.xmin = t.xmin and r.xmin = e.xmin
                        from runs r join approvals a on a.run_id = r.id join tasks t on t.run_id = r.id
                          join events e on e.run_id = r.id and e.type = 'approval.requested'
                        where r.id = '%s'
                        """.formatted(run.id))).isEqualTo("t");
    }

    private record Small(int rows, long bytes) implements GroupCommit.Entry {
        @Override
        public void fail(Throwable cause) {}

        @Override
        public boolean isDropped() {
            return false;
        }

        @Override
        public boolean givesUp(Throwable error) {
            return false;
        }
    }

    @ParameterizedTest
    @CsvSource({"3,100", "1,300000", "600,10", "1,5000000"})
    void aBatchIsOf500RowsAndOneMebibyteAtMost(int rows, long bytes) throws Exception {
        var batches = new ArrayList<List<Small>>();
        var left = new AtomicInteger(700);
        var done = Promise.<Void>promise();
        var writer = new GroupCommit<Small>(fixture.database, (count, took) -> {}, batch -> {
            batches.add(batch);
            if (left.addAndGet(-batch.size()) == 0) {
                done.complete();
            }
            return fixture.vertx.timer(1).map(List.of());
        });

        for (var i = 0; i < 700; i++) {
            writer.add(new Small(rows, bytes));
        }

        await(done.future());
        assertThat(batches).allSatisfy(batch -> {
            assertThat(batch).isNotEmpty();
            if (batch.size() > 1) {
                assertThat(batch.size() * rows).isLessThanOrEqualTo(500);
                assertThat(batch.size() * bytes).isLessThanOrEqualTo(1 << 20);
            }
        });
    }

    @Test
    void pausesGrowToASecondAndDifferFromNodeToNode() {
        for (var attempt = 0; attempt < 100; attempt++) {
            var longest = Math.min(1_000, 20L << Math.min(attempt, 6));
            var pauses = new HashSet<Long>();
            for (var node = 0; node < 50; node++) {
                var pause = Database.pauseMillis(attempt);
                assertThat(pause).isBetween(longest / 2, longest);
                pauses.add(pause);
            }
            assertThat(pauses).hasSizeGreaterThan(3);
        }
    }
}

package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.request;
import static io.taskpilot.journal.JournalFixture.started;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Journal.Creation;
import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.run.Ids;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class CreationTest {
    private static JournalFixture fixture;
    private static JournalFixture other;

    @BeforeAll
    static void open() {
        fixture = new JournalFixture();
        other = fixture.another();
        fixture.register();
        other.register();
    }

    @AfterAll
    static void close() {
        fixture.close();
        other.close();
    }

    private static IdempotencyKey key(String key, String body) {
        return new IdempotencyKey("key-1", "POST /v1/runs", key, body);
    }

    @Test
    void theFirstEventIsWhatWasAskedFor() {
        var request = request();

        var creation = await(fixture.journal.create(request, null, true));

        var history = await(fixture.journal.history(request.runId()));
        assertThat(history).hasSize(1);
        assertThat(history.get(0).event()).isEqualTo(new RunEvent.Accepted(request));
        assertThat(history.get(0).at()).isEqualTo(creation.at());
        assertThat(fixture.signals).contains(request.runId());
    }

    @Test
    void aKnownKeyGivesTheEarlierRunInWhateverStateItIs() {
        var request = request();
        var run = fixture.new Owned(request, await(fixture.journal.create(request, key("k1", "a"), true)));
        run.appended(started());

        var again = await(other.journal.create(request(), key("k1", "a"), true));

        assertThat(again.replayed()).isTrue();
        assertThat(again.runId()).isEqualTo(request.runId());
        assertThat(run.history()).hasSize(2);
    }

    @Test
    void aKnownKeyWithAnotherBodyIsAMistake() {
        await(fixture.journal.create(request(), key("k2", "a"), true));
        var second = request();

        assertThat(failure(fixture.journal.create(second, key("k2", "b"), true)))
                .hasFieldOrPropertyWithValue("slug", "caller-idempotency-key-reused");
        assertThat(failure(fixture.journal.history(second.runId())))
                .hasFieldOrPropertyWithValue("slug", "caller-not-found");
    }

    @Test
    void keysOfOthersAndOfOtherRoutesAreOtherKeys() {
        var mine = await(fixture.journal.create(request(), key("k3", "a"), true));
        var theirs =
                await(fixture.journal.create(request(), new IdempotencyKey("key-2", "POST /v1/runs", "k3", "b"), true));
        var elsewhere =
                await(fixture.journal.create(request(), new IdempotencyKey("key-1", "ws submit", "k3", "c"), true));

        assertThat(List.of(mine, theirs, elsewhere)).noneMatch(Creation::replayed);
    }

    @Test
    void ofManyTwinsAtOnceOnTwoNodesOneIsCreated() {
        for (var round = 0; round < 5; round++) {
            var key = key("twins-" + round, "a");
            var twins = new ArrayList<Future<Creation>>();
            for (var i = 0; i < 20; i++) {
                twins.add((i % 2 == 0 ? fixture : other).journal.create(request(), key, true));
            }

            var creations = await(Future.all(twins)).<Creation>list();

            assertThat(creations).filteredOn(creation -> !creation.replayed()).hasSize(1);
            assertThat(creations.stream().map(Creation::runId).collect(Collectors.toSet()))
                    .hasSize(1);
        }
    }

    @Test
    void aKeyIsForgottenAfterADay() {
        var first = await(fixture.journal.create(request(), key("k4", "a"), true));
        TestPostgres.execute(
                fixture.address,
                "update idempotency_keys set created_at = now() - interval '25 hours' where key = 'k4'");

        var second = await(fixture.journal.create(request(), key("k4", "b"), true));

        assertThat(second.replayed()).isFalse();
        assertThat(second.runId()).isNotEqualTo(first.runId());
    }

    @Test
    void aRunWithoutAPartitionIsRefusedAndHurtsNobodyElse() {
        try (var quick =
                new JournalFixture(TestPostgres.database(), TestPostgres.LONGEST_STALL, Duration.ofSeconds(2))) {
            quick.register();
            refusesWithoutAPartition(quick);
        }
    }

    private static void refusesWithoutAPartition(JournalFixture fixture) {
        var request = request();
        var ancient = new RunRequest(
                Ids.at(0, ThreadLocalRandom.current()),
                "default",
                "p",
                List.of(),
                "r",
                "x",
                Map.of(),
                Duration.ofSeconds(1),
                false);

        var good = fixture.journal.create(request, null, true);
        var bad = fixture.journal.create(ancient, null, true);

        assertThat(failure(bad)).hasFieldOrPropertyWithValue("slug", "internal-journal");
        assertThat(await(good).runId()).isEqualTo(request.runId());
        failure(fixture.journal.create(ancient, null, true));
        await(fixture.vertx.timer(2_100, TimeUnit.MILLISECONDS)); // what is stuck is known after two seconds
        assertThat(fixture.database.isWell())
                .as("refused is not stuck, also when it was alone")
                .isTrue();
    }

    @Test
    void aRunIdIsTakenOnce() {
        var request = request();
        await(fixture.journal.create(request, null, true));

        assertThat(failure(fixture.journal.create(request, null, true)))
                .hasFieldOrPropertyWithValue("slug", "internal-journal");
        assertThat(failure(fixture.journal.history(UUID.randomUUID())))
                .hasFieldOrPropertyWithValue("slug", "caller-not-found");
    }
}

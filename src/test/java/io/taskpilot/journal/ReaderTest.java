package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.checked;
import static io.taskpilot.journal.JournalFixture.ended;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnCompleted;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.taskpilot.engine.RunReader.ApprovalFilter;
import io.taskpilot.engine.RunReader.CostLine;
import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.Page;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.engine.RunReader.RunFilter;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.engine.RunReader.TaskFilter;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReaderTest {
    private static final RunFilter ANY = new RunFilter(null, null);

    private JournalFixture fixture;

    @BeforeEach
    void open() {
        fixture = new JournalFixture();
        fixture.register();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private Owned succeeded() {
        return fixture.owned().appended(started(), turnStarted(1), turnCompleted(1, "x"), ended(RunStatus.SUCCEEDED));
    }

    /** All pages, one after the other. */
    private static <T> List<T> walk(int size, Function<PageRequest, Future<Page<T>>> list) {
        var items = new ArrayList<T>();
        var page = await(list.apply(new PageRequest(null, size)));
        items.addAll(page.items());
        while (page.next() != null) {
            assertThat(page.items()).hasSize(size);
            page = await(list.apply(new PageRequest(page.next(), size)));
            items.addAll(page.items());
        }
        return items;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 7, 12, 200})
    void aWalkOverPagesHasEveryRunOnceNewestFirst(int size) {
        var expected = new ArrayList<UUID>();
        for (var i = 0; i < 12; i++) {
            expected.add(0, fixture.owned().id);
        }
        TestPostgres.execute(fixture.address, "update runs set created_at = date_trunc('minute', created_at)"); // ties
        expected.sort((a, b) -> b.toString().compareTo(a.toString()));

        assertThat(walk(size, page -> fixture.reader.runs(ANY, page)))
                .extracting(RunView::id)
                .containsExactlyElementsOf(expected);
    }

    @Test
    void whatIsAddedDuringAWalkDisturbsNothing() {
        for (var i = 0; i < 6; i++) {
            fixture.owned();
        }
        var before = walk(200, page -> fixture.reader.runs(ANY, page)).stream()
                .map(RunView::id)
                .toList();

        var during = walk(2, page -> {
            fixture.owned();
            return fixture.reader.runs(ANY, page);
        });

        assertThat(during).extracting(RunView::id).doesNotHaveDuplicates().endsWith(before.toArray(UUID[]::new));
    }

    @Test
    void runsAreFilteredByStatusAndTime() {
        var run = succeeded();
        fixture.owned();

        assertThat(walk(10, page -> fixture.reader.runs(new RunFilter(RunStatus.SUCCEEDED, null), page)))
                .extracting(RunView::id)
                .containsExactly(run.id);
        assertThat(walk(
                        10,
                        page -> fixture.reader.runs(
                                new RunFilter(null, Instant.now().plusSeconds(60)), page)))
                .isEmpty();
        assertThat(walk(
                        10,
                        page -> fixture.reader.runs(
                                new RunFilter(null, Instant.now().minusSeconds(60)), page)))
                .hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "!!!", "AAAA", "cgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "ünïcode"})
    void aCursorThatIsNotOursIsAMistake(String cursor) {
        assertThat(failure(fixture.reader.runs(ANY, new PageRequest(cursor, 10))))
                .hasMessageContaining("#cursor");
    }

    @Test
    void aCursorOfAnotherListIsAMistakeAndSoIsAnOddSize() {
        fixture.owned();
        fixture.owned();
        var cursor = await(fixture.reader.runs(ANY, new PageRequest(null, 1))).next();

        assertThat(failure(fixture.reader.tasks(new TaskFilter(null, null, null), new PageRequest(cursor, 1))))
                .hasMessageContaining("#cursor");
        assertThat(failure(fixture.reader.runs(ANY, new PageRequest(null, 0)))).hasMessageContaining("1..200");
        assertThat(failure(fixture.reader.runs(ANY, new PageRequest(null, 201))))
                .hasMessageContaining("1..200");
    }

    @Test
    void eventsContinueAfterASeq() {
        var run = succeeded();

        assertThat(await(fixture.reader.events(run.id, 2, 2)))
                .extracting(Recorded::seq)
                .containsExactly(3L, 4L);
        assertThat(await(fixture.reader.events(run.id, 5, 10))).isEmpty();
        assertThat(failure(fixture.reader.events(UUID.randomUUID(), 0, 10)))
                .hasFieldOrPropertyWithValue("slug", "caller-not-found");
    }

    @Test
    void approvalsTasksAndDecisionsAreListedAndFiltered() {
        var run = fixture.owned().parked();
        fixture.owned().appended(started(), checked(DecisionResult.DENY));
        fixture.owned().appended(started(), checked(DecisionResult.ALLOW));

        assertThat(walk(1, page -> fixture.reader.approvals(new ApprovalFilter("pending", null), page)))
                .hasSize(1);
        assertThat(walk(1, page -> fixture.reader.approvals(new ApprovalFilter("answered", null), page)))
                .isEmpty();
        assertThat(walk(1, page -> fixture.reader.approvals(new ApprovalFilter(null, run.id), page)))
                .singleElement()
                .satisfies(approval -> assertThat(approval.asked().roles()).containsExactly("approver"));
        assertThat(walk(1, page -> fixture.reader.tasks(new TaskFilter("pending", "high", run.id), page)))
                .hasSize(1);
        assertThat(walk(1, page -> fixture.reader.tasks(new TaskFilter(null, "low", null), page)))
                .isEmpty();
        assertThat(walk(1, page -> fixture.reader.decisions(decisions("deny"), page)))
                .hasSize(1);
        assertThat(walk(1, page -> fixture.reader.decisions(decisions(null), page)))
                .hasSize(2);
        assertThat(walk(
                        1,
                        page -> fixture.reader.decisions(
                                new DecisionFilter(run.id, null, null, null, null, null), page)))
                .isEmpty();
        assertThat(walk(
                        1,
                        page -> fixture.reader.decisions(
                                new DecisionFilter(null, "tool_call", null, "x", "PlannerAgent", Instant.EPOCH), page)))
                .isEmpty();
    }

    private static DecisionFilter decisions(@Nullable String result) {
        return new DecisionFilter(null, null, result, null, null, null);
    }

    @Test
    void costIsSummedByAgentModelAndTenant() {
        succeeded();
        succeeded();
        JournalFixture.calling(fixture.owned(), "list_tasks");

        assertThat(await(fixture.reader.costReport(Instant.EPOCH, "agent")))
                .containsExactlyInAnyOrder(
                        new CostLine("PlannerAgent", 2, new Usage(20, 10, 0.5)),
                        new CostLine("ExecutorAgent", 1, new Usage(1, 1, 0.5)));
        assertThat(await(fixture.reader.costReport(Instant.EPOCH, "model")))
                .containsExactly(new CostLine("offline-1", 3, new Usage(21, 11, 1.0)));
        assertThat(await(fixture.reader.costReport(Instant.EPOCH, "tenant")))
                .extracting(CostLine::key)
                .containsExactly("default");
        assertThat(await(fixture.reader.costReport(Instant.now().plusSeconds(60), "agent")))
                .isEmpty();
        assertThat(failure(fixture.reader.costReport(Instant.EPOCH, "moon"))).hasMessageContaining("#by");
    }

    @Test
    void goldenSignalsCountWhatIsThereAndNothingElse() {
        assertThat(await(fixture.reader.goldenSignals(Instant.EPOCH)).successRate())
                .isNull();
        var good = succeeded();
        fixture.owned().appended(started(), ended(RunStatus.FAILED));
        JournalFixture.calling(fixture.owned(), "list_tasks");
        await(fixture.reader.feedback(good.id, "key-1", false, "hm"));
        await(fixture.reader.feedback(good.id, "key-1", true, "on second thought"));

        var signals = await(fixture.reader.goldenSignals(Instant.EPOCH));

        assertThat(signals.runs()).isEqualTo(3);
        assertThat(signals.successRate()).isEqualTo(0.5);
        assertThat(signals.p95Seconds()).isNotNegative();
        assertThat(signals.costPerSuccessfulRun()).isCloseTo(0.25, within(1e-9));
        assertThat(signals.policyViolationRate()).isZero();
        assertThat(signals.confirmedCorrect()).isEqualTo(1.0);
    }

    @Test
    void feedbackIsForFinishedRuns() {
        assertThat(failure(fixture.reader.feedback(fixture.owned().id, "key-1", true, "")))
                .hasFieldOrPropertyWithValue("slug", "caller-run-not-finished");
        assertThat(failure(fixture.reader.feedback(UUID.randomUUID(), "key-1", true, "")))
                .hasFieldOrPropertyWithValue("slug", "caller-not-found");
    }

    @Test
    void parkedTimeGrowsWhileARunIsParked() {
        var run = fixture.owned().parked();
        TestPostgres.execute(fixture.address, "update runs set parked_at = parked_at - interval '1 hour'");

        assertThat(await(fixture.reader.run(run.id)).parked().toMinutes()).isEqualTo(60);
    }
}

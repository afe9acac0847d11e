package io.taskpilot.gateway;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.config.TaskPilotConfig.Http;
import io.taskpilot.config.TaskPilotConfig.Limits;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.journal.Database;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Exports of a large log from a real database, through a real gateway, to readers who take their time. */
@LongRunning
final class DecisionExportTest {
    private static final int ROWS = 200_000;
    private static final int PAGE = 200;
    private static final int STEP = 64 * 1024;

    /** What the kernel holds for a reader: buffers of up to 4 MiB, of pages of at least 100 KiB. */
    private static final int MOST_AHEAD = 64;

    private static PostgresAddress address;
    private static Vertx vertx;
    private static Database database;
    private static Gateway gateway;
    private static final Metrics metrics = new Metrics("0.0.1", "abc");
    private static final AtomicInteger pages = new AtomicInteger();
    private static final AtomicInteger underWay = new AtomicInteger();

    @BeforeAll
    static void start() throws Exception {
        address = TestPostgres.database();
        TestPostgres.execute(address, """
                insert into decisions
                select (substr(uuid_at(now())::text, 1, 24) || lpad(to_hex(i / 100), 12, '0'))::uuid, i %% 100 + 1,
                  gen_random_uuid(), null, 'req', 'trace', 'default', 'key-1', 'tool_call', '',
                  case when i %% 50000 = 7 then 'deny' else 'allow' end, 'rule', 'why', 'ExecutorAgent', 'create_task', 'r1',
                  repeat('ab', 32), repeat('x', 200), 0.5, now() - i * interval '1 ms', repeat('0', 64), repeat('1', 64)
                from generate_series(0, %d) as i""".formatted(ROWS - 1));
        TestPostgres.execute(address, "analyze decisions");
        vertx = Vertx.vertx();
        database = TestPostgres.open(vertx, address, 4);
        var runs = new MemoryRuns(vertx);
        gateway = new Gateway(
                vertx,
                new Http("127.0.0.1", 0, "127.0.0.1", 0, false, 1_000),
                new Limits(1_000, 1_000, 40, 5),
                Authentication.none(),
                Ingress.off(),
                runs,
                counted(new PgRunReader(database, null)),
                TestGateway.policy(),
                new HealthRegistry(),
                metrics,
                "0.0.1",
                Duration.ofMinutes(1));
        gateway.start(2).await(20, TimeUnit.SECONDS);
    }

    @AfterAll
    static void stop() throws Exception {
        gateway.close().await(20, TimeUnit.SECONDS);
        database.close().await(20, TimeUnit.SECONDS);
        vertx.close().await(20, TimeUnit.SECONDS);
    }

    /** The reader itself, which counts the pages of its exports. */
    @SuppressWarnings("unchecked") // the parameter of the one method that is looked at
    private static RunReader counted(RunReader reader) {
        return (RunReader) Proxy.newProxyInstance(
                RunReader.class.getClassLoader(), new Class<?>[] {RunReader.class}, (proxy, method, arguments) -> {
                    if (!method.getName().equals("exportDecisions")) {
                        return method.invoke(reader, arguments);
                    }
                    var sink = (Function<List<DecisionView>, Future<Void>>) arguments[1];
                    underWay.incrementAndGet();
                    return reader.exportDecisions((RunReader.DecisionFilter) arguments[0], page -> {
                                pages.incrementAndGet();
                                return sink.apply(page);
                            })
                            .onComplete(end -> underWay.decrementAndGet());
                });
    }

    private static Socket asked(String query, String type) throws IOException {
        var socket = new Socket();
        socket.setReceiveBufferSize(STEP);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), gateway.port()));
        socket.getOutputStream()
                .write("GET /v1/decisions%s HTTP/1.0\r\nHost: localhost\r\nAccept: %s\r\n\r\n"
                        .formatted(query, type)
                        .getBytes(US_ASCII));
        return socket;
    }

    private static long usedHeap() {
        for (var i = 0; i < 3; i++) {
            System.gc();
        }
        var runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    private static void eventually(BooleanSupplier condition) {
        var until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - until > 0) {
                throw new AssertionError("did not come to pass within a minute");
            }
            LockSupport.parkNanos(5_000_000);
        }
    }

    private static long transactions() {
        return Long.parseLong(TestPostgres.query(
                address,
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                        + " and (state like 'idle in transaction%' or state = 'active')"));
    }

    /** Lines that were read so far, in steps; the reader is as slow as what is done between them. */
    private static final class Lines {
        private final InputStream in;
        private final byte[] step = new byte[STEP];
        private int read;

        Lines(InputStream in) {
            this.in = in;
        }

        boolean next() throws IOException {
            var length = in.read(step);
            for (var i = 0; i < length; i++) {
                read += step[i] == '\n' ? 1 : 0;
            }
            return length >= 0;
        }
    }

    @Test
    void aSlowReaderGetsEveryRowAndIsNeverMoreThanItsBuffersBehind() throws Exception {
        pages.set(0);
        var mostAhead = 0;
        var mostHeap = 0L;
        var measured = 0;
        try (var socket = asked("", "application/x-ndjson")) {
            var lines = new Lines(socket.getInputStream());
            eventually(() -> pages.get() > 0);
            var before = usedHeap();
            for (var steps = 0; lines.next(); steps++) {
                mostAhead = Math.max(mostAhead, pages.get() - lines.read / PAGE);
                if (steps % 600 == 300) { // here it reads nothing for as long as a collection takes
                    mostHeap = Math.max(mostHeap, usedHeap() - before);
                    measured++;
                    eventually(() -> transactions() == 0);
                }
            }
            assertThat(lines.read).isGreaterThanOrEqualTo(ROWS).isLessThan(ROWS + 30); // and the lines of the head
        }
        assertThat(pages).hasValue(ROWS / PAGE);
        assertThat(mostAhead).isLessThan(MOST_AHEAD);
        assertThat(measured).isPositive();
        assertThat(mostHeap).isLessThan(32L << 20);
    }

    @Test
    void aReaderWhoLeavesEndsTheWork() throws Exception {
        pages.set(0);
        var cut = metric();
        try (var socket = asked("", "text/csv")) {
            var lines = new Lines(socket.getInputStream());
            while (lines.read < 5_000) {
                assertThat(lines.next()).isTrue();
            }
        }

        eventually(() -> metric() == cut + 1);
        eventually(() -> underWay.get() == 0);
        assertThat(pages.get()).isLessThan(5_000 / PAGE + MOST_AHEAD);
        eventually(() -> transactions() == 0);
    }

    private static double metric() {
        return metrics.scrape("text/plain")
                .lines()
                .filter(line -> line.startsWith("taskpilot_exports_cut_total{reason=\"client_gone\"}"))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    @Test
    void whatIsRareIsFoundInStatementsOfBoundedWork() throws Exception {
        pages.set(0);
        try (var socket = asked("?result=deny", "application/x-ndjson")) {
            var body = new String(socket.getInputStream().readAllBytes(), US_ASCII);

            assertThat(body.lines().filter(line -> line.contains("\"result\":\"deny\"")))
                    .hasSize(ROWS / 50_000);
        }
        assertThat(pages).hasValue(ROWS / 2_000);
    }
}

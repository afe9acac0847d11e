package io.taskpilot.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggerContextListener;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.LoggerFactory;

/**
 * Fails the test class during which Vert.x reported an event loop as blocked for five seconds or more. Shorter ones are
 * only logged: on a busy machine of two cores a loop that does nothing wrong may wait for its turn for that long. Nor
 * does the time count in which another thread had no turn either: the machine stood still.
 */
public final class BlockedLoops implements BeforeAllCallback, AfterAllCallback {
    private static final String CHECKER = "io.vertx.core.impl.BlockedThreadChecker";
    private static final Pattern REPORT =
            Pattern.compile("vert\\.x-eventloop-thread\\S* has been blocked for (\\d+) ms");
    private static final long TOO_LONG_MILLIS = 5_000;
    private static final long TICK_MILLIS = 100;
    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);

    private record Report(long nanos, long millis, String text) {
        /** Of the loop's own doing. */
        long millisWithout(List<Pause> pauses) {
            var from = nanos - TimeUnit.MILLISECONDS.toNanos(millis);
            return millis
                    - TimeUnit.NANOSECONDS.toMillis(pauses.stream()
                            .mapToLong(pause -> pause.between(from, nanos))
                            .sum());
        }
    }

    /** Another thread had no turn either. */
    record Pause(long from, long to) {
        private long between(long start, long end) {
            return Math.max(0, Math.min(to, end) - Math.max(from, start));
        }
    }

    private static final List<Report> reports = new CopyOnWriteArrayList<>();
    private static final List<Pause> pauses = new CopyOnWriteArrayList<>();

    static {
        var watch = new Thread(BlockedLoops::watchTheMachine, "machine-watch");
        watch.setDaemon(true);
        watch.start();
        var context = (LoggerContext) LoggerFactory.getILoggerFactory();
        listen(context);
        context.addListener(new Again());
    }

    private static void listen(LoggerContext context) {
        var appender = new AppenderBase<ILoggingEvent>() {
            @Override
            protected void append(ILoggingEvent event) {
                heard(event);
            }
        };
        appender.setContext(context);
        appender.start();
        context.getLogger(CHECKER).addAppender(appender);
    }

    private static void heard(ILoggingEvent event) {
        var report = REPORT.matcher(event.getFormattedMessage());
        if (report.find()) {
            var where = event.getThrowableProxy();
            reports.add(new Report(
                    System.nanoTime(),
                    Long.parseLong(report.group(1)),
                    event.getFormattedMessage() + (where == null ? "" : "\n" + ThrowableProxyUtil.asString(where))));
        }
    }

    private static void watchTheMachine() {
        var last = System.nanoTime();
        while (true) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(TICK_MILLIS));
            var now = System.nanoTime();
            if (now - last > SHORTEST_PAUSE.toNanos()) {
                pauses.add(new Pause(last, now));
            }
            last = now;
        }
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        forget();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        check();
    }

    static void forget() {
        reports.clear();
        pauses.clear();
    }

    static void check() {
        check(pauses);
    }

    static void check(List<Pause> meanwhile) {
        var blocked = reports.stream()
                .filter(report -> report.millisWithout(meanwhile) >= TOO_LONG_MILLIS)
                .map(Report::text)
                .toList();
        if (!blocked.isEmpty()) {
            throw new AssertionError("event loops were blocked:\n" + String.join("\n", blocked));
        }
    }

    /** The server's own start sets logging up anew. */
    private static final class Again implements LoggerContextListener {
        @Override
        public boolean isResetResistant() {
            return true;
        }

        @Override
        public void onStart(LoggerContext context) {
            listen(context);
        }

        @Override
        public void onReset(LoggerContext context) {
            listen(context);
        }

        @Override
        public void onStop(LoggerContext context) {}

        @Override
        public void onLevelChange(Logger logger, Level level) {}
    }
}

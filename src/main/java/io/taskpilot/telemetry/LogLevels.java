package io.taskpilot.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How much is logged; it can be changed while the server runs. Thread-safe. */
public final class LogLevels {
    /** As they are asked for and shown. */
    public static final List<String> WORDS = List.of("trace", "debug", "info", "warn", "error");

    /** The loggers whose lines are datasets of their own, which the least level does not touch. */
    public static final String ACCESS = "taskpilot.access";

    public static final String DECISION = "taskpilot.decision";

    private static final Logger log = LoggerFactory.getLogger(LogLevels.class);
    private static final String OURS = "io.taskpilot";

    private LogLevels() {}

    /** The least level of our own lines. */
    public static String now() {
        return context().getLogger(OURS).getEffectiveLevel().toString().toLowerCase(Locale.ROOT);
    }

    /**
     * Sets the least level of our own lines. What libraries log is told from one level above on.
     *
     * @param word one of {@link #WORDS}, in any case
     */
    public static void set(String word) {
        var level = Level.valueOf(word.toUpperCase(Locale.ROOT));
        var others = level.isGreaterOrEqual(Level.INFO) ? Level.WARN : Level.INFO;
        var context = context();
        context.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(others.isGreaterOrEqual(level) ? others : level);
        context.getLogger(OURS).setLevel(level);
        // Vert.x registers the gauges of a pool twice, and Micrometer warns at each start
        context.getLogger("io.micrometer.core.instrument.MeterRegistry").setLevel(Level.ERROR);
    }

    /** As {@link #set}, and tells in the log who asked for it. */
    public static void change(String word, String by) {
        var before = now();
        set(word);
        log.warn("log level changed from={} to={} by={}", before, now(), by);
    }

    /** Whether the lines of a dataset are written. */
    public static void tell(String dataset, boolean written) {
        context().getLogger(dataset).setLevel(written ? Level.INFO : Level.OFF);
    }

    private static LoggerContext context() {
        if (!(LoggerFactory.getILoggerFactory() instanceof LoggerContext context)) {
            throw new IllegalStateException("logback is not what logs");
        }
        return context;
    }
}

package io.taskpilot.app;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.filter.ThresholdFilter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.FileAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.Encoder;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.Log.Format;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import net.logstash.logback.encoder.LogstashEncoder;
import net.logstash.logback.fieldnames.LogstashFieldNames;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where log lines go. Until one of these is called, only warnings do, to the standard error. */
final class Logging {
    private static final String TEXT = "%d{HH:mm:ss.SSS} %-5level %-18logger{0} %replace(%msg){'[\\r\\n]+', ' '}%n%ex";
    private static final String ECS_VERSION = "8.11.0";

    private Logging() {}

    /** A server's own: text to the standard error of a terminal; else ECS JSON, to the standard output. */
    static void ofServer(TaskPilotConfig config, boolean terminal) {
        var format = config.log().format() == null
                ? (terminal ? Format.TEXT : Format.JSON)
                : config.log().format();
        var context = context(config);
        var console = new ConsoleAppender<ILoggingEvent>();
        console.setTarget(terminal ? "System.err" : "System.out");
        start(context, console, encoder(context, config, format));
    }

    /** Of a server inside another command: what is wrong to the standard error, everything to the file. */
    static void ofGuest(TaskPilotConfig config, Path file) throws IOException {
        makePrivate(config.dataDir());
        var context = context(config);
        var console = new ConsoleAppender<ILoggingEvent>();
        console.setTarget("System.err");
        var errors = new ThresholdFilter();
        errors.setLevel(Level.ERROR.levelStr);
        errors.start();
        console.addFilter(errors);
        start(context, console, encoder(context, config, Format.TEXT));
        var log = new FileAppender<ILoggingEvent>();
        log.setFile(file.toString());
        log.setAppend(false);
        start(context, log, encoder(context, config, Format.TEXT));
    }

    private static void makePrivate(Path dir) throws IOException {
        if (!Files.exists(dir)) {
            var parent = dir.toAbsolutePath().getParent();
            Files.createDirectories(parent == null ? dir : parent);
            Files.createDirectory(
                    dir, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
    }

    private static LoggerContext context(TaskPilotConfig config) {
        if (!(LoggerFactory.getILoggerFactory() instanceof LoggerContext context)) {
            throw new IllegalStateException("logback is not what logs");
        }
        context.reset();
        var level = Level.valueOf(config.log().level());
        var others = level.isGreaterOrEqual(Level.INFO) ? Level.WARN : Level.INFO;
        context.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(others.isGreaterOrEqual(level) ? others : level);
        context.getLogger("io.taskpilot").setLevel(level);
        // Vert.x registers the gauges of a pool twice, and Micrometer warns at each start
        context.getLogger("io.micrometer.core.instrument.MeterRegistry").setLevel(Level.ERROR);
        return context;
    }

    private static void start(
            LoggerContext context, OutputStreamAppender<ILoggingEvent> appender, Encoder<ILoggingEvent> encoder) {
        appender.setContext(context);
        appender.setEncoder(encoder);
        appender.start();
        context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
    }

    private static Encoder<ILoggingEvent> encoder(LoggerContext context, TaskPilotConfig config, Format format) {
        if (format == Format.JSON) {
            return ecs(context, config);
        }
        var text = new PatternLayoutEncoder();
        text.setContext(context);
        text.setPattern(TEXT);
        text.start();
        return text;
    }

    /** Field names of the Elastic Common Schema, so that no pipeline has to rename them. */
    private static Encoder<ILoggingEvent> ecs(LoggerContext context, TaskPilotConfig config) {
        var names = new LogstashFieldNames();
        names.setVersion("[ignore]");
        names.setLevelValue("[ignore]");
        names.setLevel("log.level");
        names.setLogger("log.logger");
        names.setThread("process.thread.name");
        names.setStackTrace("error.stack_trace");
        var json = new LogstashEncoder();
        json.setContext(context);
        json.setFieldNames(names);
        json.setTimeZone("UTC");
        json.setCustomFields(ApiClient.json(Map.of(
                "ecs.version",
                ECS_VERSION,
                "service.name",
                "taskpilot",
                "service.version",
                Version.read().number(),
                "service.environment",
                config.environment())));
        json.start();
        return json;
    }
}

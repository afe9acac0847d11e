package io.taskpilot.app;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.filter.ThresholdFilter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.encoder.Encoder;
import io.taskpilot.config.Secrets;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.Log.Format;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.telemetry.EcsFields;
import io.taskpilot.telemetry.LogLevels;
import io.taskpilot.telemetry.LogWriter;
import io.taskpilot.telemetry.Redactor;
import io.taskpilot.telemetry.Service;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import net.logstash.logback.encoder.LoggingEventCompositeJsonEncoder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;

/** Where log lines go. Until one of these is called, only warnings do, to the standard error. */
final class Logging {
    private static final String TEXT = "%d{HH:mm:ss.SSS} %-5level %-18logger{0} %replace(%msg){'[\\r\\n]+', ' '}%n%ex";
    private static final Duration LAST_FLUSH = Duration.ofSeconds(2);
    // themselves, as System.out and System.err tell nobody when a line can't be written
    private static final OutputStream STDOUT = new FileOutputStream(FileDescriptor.out);
    private static final OutputStream STDERR = new FileOutputStream(FileDescriptor.err);

    private final LoggerContext context = context();
    private final TaskPilotConfig config;
    private final Redactor redactor;

    private Logging(TaskPilotConfig config) {
        this.config = config;
        redactor = new Redactor(Secrets.of(config));
        context.reset();
        LogLevels.set(config.log().level());
        SLF4JBridgeHandler.removeHandlersForRootLogger();
        SLF4JBridgeHandler.install(); // what OpenTelemetry, OkHttp and the JDBC driver say
        Runtime.getRuntime().addShutdownHook(new Thread(Logging::flush, "log-flush")); // a server does it again, last
    }

    /** A server's own: text to the standard error of a terminal; else ECS JSON, to the standard output. */
    static void ofServer(TaskPilotConfig config, boolean terminal) {
        var byDefault = terminal ? Format.TEXT : Format.JSON;
        var format = config.log().format() == null ? byDefault : config.log().format();
        var logging = new Logging(config);
        logging.chooseDatasets(format);
        logging.start(format, terminal ? STDERR : STDOUT, null);
    }

    /** Of a server inside another command: what is wrong to the standard error, everything to the file. */
    static void ofGuest(TaskPilotConfig config, Path file) throws IOException {
        makePrivate(config.dataDir());
        var logging = new Logging(config);
        logging.chooseDatasets(Format.TEXT);
        logging.start(Format.TEXT, STDERR, Level.ERROR);
        logging.start(Format.TEXT, Files.newOutputStream(file), null);
    }

    /** Waits until what was logged before is written; for the end of a process. Two seconds, and no longer. */
    static void flush() {
        flush(LAST_FLUSH);
    }

    static void flush(Duration longest) {
        var deadline = Deadline.in(longest);
        writers().forEach(writer -> writer.flush(Duration.ofMillis(deadline.remainingMillis())));
    }

    /** Lines that came faster than they could be written. */
    static double dropped() {
        return writers().stream().mapToDouble(LogWriter::dropped).sum();
    }

    /** Lines that the output did not take. */
    static double unwritten() {
        return writers().stream().mapToDouble(LogWriter::unwritten).sum();
    }

    private static List<LogWriter> writers() {
        var writers = new ArrayList<LogWriter>();
        context().getLogger(Logger.ROOT_LOGGER_NAME).iteratorForAppenders().forEachRemaining(appender -> {
            if (appender instanceof LogWriter writer) {
                writers.add(writer);
            }
        });
        return writers;
    }

    private static void makePrivate(Path dir) throws IOException {
        if (!Files.exists(dir)) {
            var parent = dir.toAbsolutePath().getParent();
            Files.createDirectories(parent == null ? dir : parent);
            Files.createDirectory(
                    dir, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
    }

    private static LoggerContext context() {
        if (!(LoggerFactory.getILoggerFactory() instanceof LoggerContext context)) {
            throw new IllegalStateException("logback is not what logs");
        }
        return context;
    }

    /** A person at a terminal has asked for none of these; a pipeline has. */
    private void chooseDatasets(Format format) {
        var json = format == Format.JSON;
        var log = config.log();
        LogLevels.tell(LogLevels.ACCESS, log.access() == null ? json : log.access());
        LogLevels.tell(LogLevels.DECISION, log.decisions() == null ? json : log.decisions());
    }

    private void start(Format format, OutputStream out, @Nullable Level least) {
        var writer = new LogWriter(encoder(format), out, redactor);
        writer.setContext(context);
        if (least != null) {
            var filter = new ThresholdFilter();
            filter.setLevel(least.levelStr);
            filter.start();
            writer.addFilter(filter);
        }
        writer.start();
        context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(writer);
    }

    private Encoder<ILoggingEvent> encoder(Format format) {
        if (format == Format.JSON) {
            var otel = config.telemetry().otel();
            var json = new LoggingEventCompositeJsonEncoder();
            json.setContext(context);
            json.getProviders()
                    .addProvider(new EcsFields(Service.of(Version.read().number(), config.environment(), otel)));
            json.start();
            return json;
        }
        var text = new PatternLayoutEncoder();
        text.setContext(context);
        text.setPattern(TEXT);
        text.start();
        return text;
    }
}

package io.taskpilot.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.LoggerContextVO;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Marker;
import org.slf4j.event.KeyValuePair;

/** A line to be written: what was logged, where, and with every secret out of it. Immutable. */
final class LogLine implements ILoggingEvent {
    private final ILoggingEvent event;
    private final String thread;
    private final String message;
    private final @Nullable IThrowableProxy thrown;
    private final List<KeyValuePair> pairs;
    private final Map<String, String> scope;

    private LogLine(ILoggingEvent event, Redactor redactor, Map<String, String> scope) {
        this.event = event;
        this.scope = scope;
        thread = event.getThreadName();
        message = redactor.clean(String.valueOf(event.getFormattedMessage()));
        thrown = event.getThrowableProxy() == null ? null : new Thrown(event.getThrowableProxy(), redactor);
        pairs = event.getKeyValuePairs() == null
                ? List.of()
                : event.getKeyValuePairs().stream()
                        .map(pair -> pair.value instanceof String text
                                ? new KeyValuePair(pair.key, redactor.clean(text))
                                : pair)
                        .toList();
    }

    /** To be called where it was logged: the scope is the caller's. */
    static LogLine of(ILoggingEvent event, Redactor redactor) {
        return new LogLine(event, redactor, LogScope.current());
    }

    /** What was thrown, with messages that have no secrets. */
    private record Thrown(IThrowableProxy real, Redactor redactor) implements IThrowableProxy {
        @Override
        public @Nullable String getMessage() {
            return real.getMessage() == null ? null : redactor.clean(real.getClassName(), real.getMessage());
        }

        @Override
        public @Nullable String getOverridingMessage() {
            var message = real.getOverridingMessage();
            return message == null ? null : redactor.clean(real.getClassName(), message);
        }

        @Override
        public String getClassName() {
            return real.getClassName();
        }

        @Override
        public StackTraceElementProxy[] getStackTraceElementProxyArray() {
            return real.getStackTraceElementProxyArray();
        }

        @Override
        public int getCommonFrames() {
            return real.getCommonFrames();
        }

        @Override
        public @Nullable IThrowableProxy getCause() {
            return real.getCause() == null ? null : new Thrown(real.getCause(), redactor);
        }

        @Override
        public IThrowableProxy[] getSuppressed() {
            var suppressed = real.getSuppressed();
            var clean = new IThrowableProxy[suppressed == null ? 0 : suppressed.length];
            for (var i = 0; i < clean.length; i++) {
                clean[i] = new Thrown(suppressed[i], redactor);
            }
            return clean;
        }

        @Override
        public boolean isCyclic() {
            return real.isCyclic();
        }
    }

    /** The fields of the context it was logged on. */
    Map<String, String> scope() {
        return scope;
    }

    @Override
    public String getThreadName() {
        return thread;
    }

    @Override
    public Level getLevel() {
        return event.getLevel();
    }

    @Override
    public String getMessage() {
        return message;
    }

    @Override
    public Object @Nullable [] getArgumentArray() {
        return null;
    }

    @Override
    public String getFormattedMessage() {
        return message;
    }

    @Override
    public String getLoggerName() {
        return event.getLoggerName();
    }

    @Override
    public LoggerContextVO getLoggerContextVO() {
        return event.getLoggerContextVO();
    }

    @Override
    public @Nullable IThrowableProxy getThrowableProxy() {
        return thrown;
    }

    @Override
    public StackTraceElement[] getCallerData() {
        return new StackTraceElement[0];
    }

    @Override
    public boolean hasCallerData() {
        return false;
    }

    @Override
    public List<Marker> getMarkerList() {
        return List.of();
    }

    @Override
    public Map<String, String> getMDCPropertyMap() {
        return scope;
    }

    @Override
    @SuppressWarnings({"deprecation", "InlineMeSuggester"}) // the interface has it
    public Map<String, String> getMdc() {
        return scope;
    }

    @Override
    public long getTimeStamp() {
        return event.getTimeStamp();
    }

    @Override
    public int getNanoseconds() {
        return event.getNanoseconds();
    }

    @Override
    public Instant getInstant() {
        return event.getInstant();
    }

    @Override
    public long getSequenceNumber() {
        return event.getSequenceNumber();
    }

    @Override
    public List<KeyValuePair> getKeyValuePairs() {
        return pairs;
    }

    @Override
    public void prepareForDeferredProcessing() {}
}

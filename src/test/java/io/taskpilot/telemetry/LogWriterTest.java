package io.taskpilot.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.encoder.EncoderBase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A write that blocks is one to a reader that hangs; whoever logs then must not: the time-out is the check. */
@Timeout(60)
class LogWriterTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    private final LoggerContext context = new LoggerContext();
    private final CountDownLatch reads = new CountDownLatch(1);
    private final CountDownLatch writing = new CountDownLatch(1);
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();

    @AfterEach
    void letGo() {
        reads.countDown();
    }

    private LogWriter writer(OutputStream out) {
        var encoder = new Messages();
        encoder.start();
        var writer = new LogWriter(encoder, out, new Redactor(List.of()));
        writer.setContext(context);
        writer.start();
        return writer;
    }

    private void say(LogWriter writer, String message) {
        writer.doAppend(new LoggingEvent("", context.getLogger("test"), Level.INFO, message, null, null));
    }

    private String text() {
        return written.toString(StandardCharsets.UTF_8);
    }

    @Test
    void nobodyWaitsForAReaderThatHangsAtTheEndOfTheProcessEither() throws Exception {
        var writer = writer(new Hanging());
        say(writer, "first");
        writing.await();

        writer.flush(Duration.ofMillis(1));
        for (var i = 0; i < 20_000; i++) {
            say(writer, "line " + i);
        }

        assertThat(writer.dropped()).isBetween(3_000.0, 4_000.0);
        reads.countDown();
        writer.flush(LONG);
        assertThat(text()).startsWith("first\nline 0\n").contains("line 16000\n");
    }

    @Test
    void whatWasLoggedBeforeIsWrittenOnceItIsFlushed() {
        var writer = writer(written);
        for (var i = 1; i <= 1_000; i++) {
            say(writer, "line " + i);
        }

        writer.flush(LONG);
        assertThat(text().lines()).hasSize(1_000).last().isEqualTo("line 1000");

        say(writer, "another");
        writer.stop();
        assertThat(text().lines()).last().isEqualTo("another");
    }

    @Test
    void aLineThatCannotBeMadeIsCountedAndTheNextIsWritten() {
        var writer = writer(written);
        say(writer, "bad");
        say(writer, "good");

        writer.flush(LONG);
        assertThat(text()).isEqualTo("good\n");
        assertThat(writer.unwritten()).isEqualTo(1);
    }

    @Test
    void linesThatTheOutputDoesNotTakeAreCounted() {
        var writer = writer(new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("no space left on device");
            }
        });
        say(writer, "one");
        say(writer, "two");

        writer.flush(LONG);
        assertThat(writer.unwritten()).isEqualTo(2);
        assertThat(writer.dropped()).isZero();
    }

    /** As a pipe that is full. */
    private final class Hanging extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            writing.countDown();
            try {
                reads.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            written.write(bytes, from, length);
        }
    }

    private static final class Messages extends EncoderBase<ILoggingEvent> {
        @Override
        public byte[] encode(ILoggingEvent event) {
            if (event.getFormattedMessage().equals("bad")) {
                throw new IllegalStateException("a value that can't be shown");
            }
            return (event.getFormattedMessage() + "\n").getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public byte[] headerBytes() {
            return new byte[0];
        }

        @Override
        public byte[] footerBytes() {
            return new byte[0];
        }
    }
}

package io.taskpilot.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.encoder.Encoder;
import io.taskpilot.resilience.Deadline;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes log lines on a thread of its own, and nowhere else: whoever logs waits neither for the encoder nor for who reads
 * the output. At most {@value #LINES} lines wait; what comes while none of them is taken is dropped, and counted.
 */
public final class LogWriter extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private static final int LINES = 16_384;
    private static final int BATCH_BYTES = 8_192;
    private static final long GATHERING = 10; // milliseconds
    private static final Duration LAST_FLUSH = Duration.ofSeconds(2);

    private final Encoder<ILoggingEvent> encoder;
    private final OutputStream out;
    private final Redactor redactor;
    private final BlockingQueue<Runnable> queue = new ArrayBlockingQueue<>(LINES);
    private final AtomicLong dropped = new AtomicLong();
    private final AtomicLong unwritten = new AtomicLong();
    private final Thread thread = new Thread(this::run, "log");
    private final ByteArrayOutputStream batch = new ByteArrayOutputStream(); // this and the next are the thread's alone
    private int batched;

    /**
     * @param encoder started
     * @param out whose failures are told: a {@link java.io.PrintStream} keeps them to itself
     */
    public LogWriter(Encoder<ILoggingEvent> encoder, OutputStream out, Redactor redactor) {
        this.encoder = encoder;
        this.out = out;
        this.redactor = redactor;
        thread.setDaemon(true);
    }

    @Override
    public void start() {
        super.start();
        thread.start();
    }

    /** Lines that found no place among those that wait. */
    public double dropped() {
        return dropped.get();
    }

    /** Lines that the output did not take, or the encoder could not make. */
    public double unwritten() {
        return unwritten.get();
    }

    @Override
    protected void append(ILoggingEvent event) {
        var line = LogLine.of(event, redactor);
        if (!queue.offer(() -> write(line))) {
            dropped.incrementAndGet();
        }
    }

    private void run() {
        try {
            while (true) {
                queue.take().run();
                TimeUnit.MILLISECONDS.sleep(GATHERING); // else each line would wake this thread, and make a write
                writeAll();
            }
        } catch (InterruptedException stopped) {
            writeAll();
        }
    }

    private void writeAll() {
        for (var next = queue.poll(); next != null; next = queue.poll()) {
            next.run();
        }
        writeOut();
    }

    private void write(LogLine line) {
        try {
            batch.writeBytes(encoder.encode(line));
            batched++;
        } catch (RuntimeException e) { // of a value that can't be shown: there is nowhere to tell it
            unwritten.incrementAndGet();
        }
        if (batch.size() >= BATCH_BYTES) {
            writeOut();
        }
    }

    private void writeOut() {
        try {
            batch.writeTo(out);
            out.flush();
        } catch (IOException e) {
            unwritten.addAndGet(batched);
        }
        batch.reset();
        batched = 0;
    }

    /** Waits until what was logged before is written, but no longer than that for a reader that does not read. */
    public void flush(Duration longest) {
        var deadline = Deadline.in(longest);
        var written = new CountDownLatch(1);
        Runnable last = () -> {
            writeOut();
            written.countDown();
        };
        try {
            if (queue.offer(last, deadline.remainingMillis(), TimeUnit.MILLISECONDS)) {
                written.await(deadline.remainingMillis(), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void stop() {
        flush(LAST_FLUSH);
        super.stop();
        thread.interrupt();
    }
}

package io.taskpilot.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.encoder.Encoder;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes log lines on a thread of its own: whoever logs waits neither for the encoder nor for who reads the output. At
 * most {@value #LINES} lines wait; what comes while none of them is taken is dropped, and counted.
 */
public final class LogWriter extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private static final int LINES = 16_384;
    private static final long LONGEST_FLUSH_MILLIS = 2_000;

    private final Encoder<ILoggingEvent> encoder;
    private final OutputStream out;
    private final Redactor redactor;
    private final BlockingQueue<LogLine> lines = new ArrayBlockingQueue<>(LINES);
    private final AtomicLong dropped = new AtomicLong();
    private final Thread thread = new Thread(this::run, "log");
    private final CountDownLatch drained = new CountDownLatch(1);
    private volatile boolean direct;

    /** @param encoder started */
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

    /** Lines that nobody will see. */
    public double dropped() {
        return dropped.get();
    }

    @Override
    protected void append(ILoggingEvent event) {
        var line = LogLine.of(event, redactor);
        if (direct) {
            write(line);
            flush();
        } else if (!lines.offer(line)) {
            dropped.incrementAndGet();
        }
    }

    private void run() {
        try {
            while (!direct) {
                var line = lines.poll(1, TimeUnit.SECONDS);
                if (line != null) {
                    write(line);
                }
                if (lines.isEmpty()) {
                    flush();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        drain();
        drained.countDown();
    }

    private void drain() {
        for (var line = lines.poll(); line != null; line = lines.poll()) {
            write(line);
        }
        flush();
    }

    private synchronized void write(LogLine line) {
        try {
            out.write(encoder.encode(line));
        } catch (IOException e) {
            dropped.incrementAndGet(); // there is nowhere to tell it
        }
    }

    private synchronized void flush() {
        try {
            out.flush();
        } catch (IOException e) {
            dropped.incrementAndGet();
        }
    }

    /**
     * Writes what waits; from now on whoever logs writes. For the end of the process, when no thread may have another
     * turn. Waits two seconds at most for a reader that does not read.
     */
    public void direct() {
        direct = true;
        thread.interrupt();
        try {
            var written = drained.await(LONGEST_FLUSH_MILLIS, TimeUnit.MILLISECONDS);
            dropped.addAndGet(written ? 0 : lines.size());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void stop() {
        direct();
        super.stop();
    }
}

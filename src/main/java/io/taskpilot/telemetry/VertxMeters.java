package io.taskpilot.telemetry;

import com.sun.management.OperatingSystemMXBean;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.netty4.NettyAllocatorMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.vertx.micrometer.Label;
import io.vertx.micrometer.MetricsDomain;
import io.vertx.micrometer.MicrometerMetricsFactory;
import io.vertx.micrometer.MicrometerMetricsOptions;
import java.lang.management.ManagementFactory;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;

/**
 * The metrics of Vert.x, Netty and the JVM, brought into line: their timers get buckets, no label takes a value from
 * outside, and each is explained. Thread-safe.
 */
public final class VertxMeters {
    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE");
    private static final String OTHER = io.taskpilot.telemetry.Label.OTHER;
    private static final String NONE = "none";
    private static final double[] ANSWERS = nanos(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30);
    private static final double[] CALLS = nanos(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30);

    /** What these leave unexplained. */
    private static final Map<String, String> HELP = Map.of(
            "netty.allocator.memory.used", "Memory that the allocator of network buffers has reserved.",
            "netty.eventexecutor.tasks.pending", "Tasks that wait for their turn on an event loop.");

    /** In units that are not Prometheus's, under a name that is another kind's, or of one group of several. */
    private static final Set<String> LEFT_OUT =
            Set.of("jvm.compilation.time", "process.cpu.time", "system.cpu.count", "netty.eventexecutor.workers");

    private final MeterRegistry registry;
    private final Map<String, String> addressToPool = new ConcurrentHashMap<>();

    VertxMeters(MeterRegistry registry) {
        this.registry = registry;
        registry.config()
                .meterFilter(MeterFilter.replaceTagValues("route", VertxMeters::route))
                .meterFilter(MeterFilter.replaceTagValues("method", VertxMeters::method))
                .meterFilter(MeterFilter.deny(id -> LEFT_OUT.contains(id.getName()) || isOfAnUnusedAllocator(id)))
                .meterFilter(new Explained())
                .meterFilter(new Pools())
                .meterFilter(new Buckets());
    }

    /** What a Vert.x is to measure; with {@link #factory}. */
    public MicrometerMetricsOptions options() {
        return new MicrometerMetricsOptions()
                .setEnabled(true)
                .setJvmMetricsEnabled(true)
                .setNettyMetricsEnabled(true)
                .setLabels(EnumSet.of(
                        Label.HTTP_METHOD,
                        Label.HTTP_CODE,
                        Label.HTTP_ROUTE,
                        Label.POOL_TYPE,
                        Label.POOL_NAME,
                        Label.EB_SIDE,
                        Label.CLIENT_NAME,
                        Label.NAMESPACE))
                // PostgreSQL's and Redis's: these have metrics by pool
                .addDisabledMetricsCategory(MetricsDomain.NET_CLIENT.toCategory());
    }

    /** Measures in the registry of these; call it once. */
    public MicrometerMetricsFactory factory() {
        new FileDescriptorMetrics().bindTo(registry);
        if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean process) {
            FunctionCounter.builder("process.cpu.seconds", process, bean -> bean.getProcessCpuTime() / 1e9)
                    .description("Time of processors that this process has used.")
                    .register(registry);
        }
        if (ByteBufAllocator.DEFAULT instanceof ByteBufAllocatorMetricProvider allocator) {
            new NettyAllocatorMetrics(allocator).bindTo(registry);
        }
        return new MicrometerMetricsFactory(registry);
    }

    /**
     * Gives the connections to a server a name: Vert.x knows them by address. Those without one are {@code other}, as
     * redirects may lead anywhere.
     *
     * @param port as it is connected to, defaults filled in
     */
    public void namePool(String host, int port, String name) {
        addressToPool.put(host + ":" + port, name);
    }

    /** Vert.x joins the routes a request passed with {@code >}; the last is the one that answered. */
    private static String route(String routes) {
        var last = routes.substring(routes.lastIndexOf('>') + 1);
        return last.isEmpty() ? NONE : last;
    }

    /** A caller may make up any. */
    private static String method(String method) {
        return METHODS.contains(method) ? method : OTHER;
    }

    /** Vert.x measures two more, which no socket uses. */
    private static boolean isOfAnUnusedAllocator(Meter.Id id) {
        var name = id.getName();
        return name.startsWith("netty.allocator.")
                && (!name.equals("netty.allocator.memory.used")
                        || !ByteBufAllocator.DEFAULT.getClass().getSimpleName().equals(id.getTag("allocator.type")));
    }

    private static double[] nanos(double... seconds) {
        return DoubleStream.of(seconds).map(bound -> bound * 1e9).toArray();
    }

    private static final class Explained implements MeterFilter {
        @Override
        public Meter.Id map(Meter.Id id) {
            var help = id.getDescription() == null ? HELP.get(id.getName()) : null;
            return help == null ? id : new Meter.Id(id.getName(), tags(id), id.getBaseUnit(), help, id.getType());
        }

        /** Without the identity of an allocator, which is another one in each process. */
        private static Tags tags(Meter.Id id) {
            return Tags.of(id.getTags().stream()
                    .filter(tag -> !tag.getKey().equals("id"))
                    .toList());
        }
    }

    private final class Pools implements MeterFilter {
        private static final String NAME = "pool_name";

        @Override
        public Meter.Id map(Meter.Id id) {
            return isHttp(id) ? id.replaceTags(Tags.of(id.getTags()).and(Tag.of(NAME, name(id)))) : id;
        }

        private String name(Meter.Id id) {
            var address = id.getTag(NAME);
            return address == null ? OTHER : addressToPool.getOrDefault(address, OTHER);
        }

        private static boolean isHttp(Meter.Id id) {
            return id.getName().startsWith("vertx.pool") && "http".equals(id.getTag("pool_type"));
        }
    }

    private static final class Buckets implements MeterFilter {
        @Override
        public @Nullable DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
            if (id.getType() != Meter.Type.TIMER || !id.getName().startsWith("vertx.")) {
                return config;
            }
            var bounds = id.getName().startsWith("vertx.http.server") ? ANSWERS : CALLS;
            return DistributionStatisticConfig.builder()
                    .serviceLevelObjectives(bounds)
                    .build()
                    .merge(config);
        }
    }
}

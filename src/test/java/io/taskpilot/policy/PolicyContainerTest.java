package io.taskpilot.policy;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.OnDocker;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Vertx;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ArbitrarySupplier;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.lifecycle.LifecycleContext;
import net.jqwik.api.lifecycle.SkipExecutionHook;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.MountableFile;

/** {@link PolicyAgreementTest} with the server in a container. */
@AddLifecycleHook(PolicyContainerTest.NeedsDocker.class)
class PolicyContainerTest {
    private static final int PORT = 8181;
    private static final Path POLICY = Path.of("conf/policy");
    private static final Vertx vertx = Vertx.vertx();

    @SuppressWarnings("NullAway.Init")
    private static GenericContainer<?> opa;

    @SuppressWarnings("NullAway.Init")
    private static WasmPolicyEngine wasm;

    @SuppressWarnings("NullAway.Init")
    private static OpaServerEngine server;

    static final class NeedsDocker implements SkipExecutionHook {
        @Override
        public SkipResult shouldBeSkipped(LifecycleContext context) {
            return OnDocker.Engine.answers() ? SkipResult.doNotSkip() : SkipResult.skip(OnDocker.Engine.MISSING);
        }
    }

    static final class Inputs implements ArbitrarySupplier<List<Map<String, Object>>> {
        @Override
        public Arbitrary<List<Map<String, Object>>> get() {
            return new PolicyAgreementTest().inputs();
        }
    }

    @BeforeContainer
    static void open() throws Exception {
        wasm = WasmPolicyEngine.open(POLICY, new BlockingIo(vertx)).await(30, SECONDS);
        opa = new GenericContainer<>("openpolicyagent/opa:1.22.2")
                .withExposedPorts(PORT)
                .withCopyFileToContainer(MountableFile.forHostPath(POLICY), "/policy")
                .withCommand("run", "--server", "--skip-version-check", "--addr=0.0.0.0:" + PORT, "/policy")
                .waitingFor(Wait.forHttp("/health"));
        opa.start();
        server = new OpaServerEngine(
                vertx,
                vertx.createHttpClient(),
                URI.create("http://%s:%d".formatted(opa.getHost(), opa.getMappedPort(PORT))),
                Duration.ofSeconds(10),
                new HealthRegistry(),
                new Metrics("1", "test"));
    }

    @AfterContainer
    static void close() throws Exception {
        opa.stop();
        vertx.close().await(10, SECONDS);
    }

    @Property(tries = 6, shrinking = ShrinkingMode.BOUNDED, edgeCases = EdgeCasesMode.NONE)
    void serverInAContainerAnswersLikeTheEmbeddedEngine(
            @ForAll(supplier = Inputs.class) @Size(60) List<Map<String, Object>> cases) {
        for (var input : cases) {
            PolicyAgreementTest.assertSame(server, wasm, input);
        }
    }
}

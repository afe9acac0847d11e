package io.taskpilot.guardrail;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.ImageFromDockerfile;

/** The image of {@code docker/guardrails}, built and run; Testcontainers removes both after this JVM. */
final class ContainerNemo {
    private static final int PORT = 8000;
    private static final Duration SLOWEST_START = Duration.ofMinutes(3);

    private ContainerNemo() {}

    @SuppressWarnings("resource") // lives as long as the JVM
    static URI start() {
        var image = new ImageFromDockerfile()
                .withFileFromPath("docker/guardrails", Path.of("docker/guardrails"))
                .withFileFromPath("conf/guardrails", Path.of("conf/guardrails"))
                .withFileFromPath("Dockerfile", Path.of("docker/guardrails/Dockerfile"));
        var nemo = new GenericContainer<>(image)
                .withExposedPorts(PORT)
                .waitingFor(Wait.forHttp("/v1/rails/configs")
                        .forResponsePredicate(answer -> answer.contains("\"taskpilot\""))
                        .withStartupTimeout(SLOWEST_START));
        nemo.start();
        return URI.create("http://%s:%d".formatted(nemo.getHost(), nemo.getMappedPort(PORT)));
    }
}

package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.policy.RealOpa;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The policy as a bundle: OPA itself, as the chart configures it. */
@Timeout(120)
class ChartBundleTest {
    @TempDir
    Path directory;

    /** What TaskPilotOPABundleStale asks for. */
    @Test
    void opaTellsPrometheusWhenItGotItsBundle() throws Exception {
        var bundle = RealOpa.installedOrSkip().bundle(Path.of("conf/policy"));
        var store = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        store.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, bundle.length);
            exchange.getResponseBody().write(bundle);
            exchange.close();
        });
        store.start();
        try (var opa = OpaProcess.configured(configuration(store.getAddress().getPort()))) {
            var metrics = opa.url().resolve("/metrics");
            while (!get(metrics).contains("last_success_bundle_activation{")) {
                LockSupport.parkNanos(20_000_000);
            }
            assertThat(get(metrics))
                    .containsPattern("(?m)^last_bundle_request[{].*name=\"taskpilot\"")
                    .containsPattern("(?m)^last_success_bundle_request[{].*name=\"taskpilot\"");
        } finally {
            store.stop(0);
        }
    }

    private Path configuration(int store) throws IOException {
        var values = "opa: {bundle: {url: 'http://127.0.0.1:%d'}}".formatted(store);
        var config = Chart.plain()
                .values(values)
                .render()
                .one("ConfigMap", "taskpilot-opa")
                .path("data")
                .path("config.yaml");
        return Files.writeString(directory.resolve("config.yaml"), config.asText());
    }

    private static String get(URI url) throws IOException, InterruptedException {
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofString())
                .body();
    }
}

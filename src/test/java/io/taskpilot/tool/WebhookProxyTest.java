package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A proxy would look the name up again, and so undo the check of its addresses. */
class WebhookProxyTest {
    private final Vertx vertx = Vertx.vertx();

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @Test
    void proxyOfTheEnvironmentIsNotUsed() throws Exception {
        var receiver = new Receiver(vertx, new HttpServerOptions());
        var proxy = new Receiver(vertx, new HttpServerOptions());

        var said = send(receiver.url("localhost"), proxy.port());

        assertThat(said).contains("the JDK would use [HTTP @ 127.0.0.1").contains("Returned[");
        assertThat(receiver.received).hasSize(1);
        assertThat(proxy.received).isEmpty();
    }

    private static String send(String url, int proxy) throws Exception {
        var properties = Stream.of("http", "https")
                .flatMap(scheme -> Stream.of(
                        "-D" + scheme + ".proxyHost=127.0.0.1",
                        "-D" + scheme + ".proxyPort=" + proxy,
                        "-D" + scheme + ".nonProxyHosts="))
                .toList();
        var command = Stream.of(
                        List.of(Path.of(System.getProperty("java.home"), "bin", "java")
                                .toString()),
                        properties,
                        List.of("-cp", System.getProperty("java.class.path"), OneWebhook.class.getName(), url))
                .flatMap(List::stream)
                .toList();
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        for (var name : List.of("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")) {
            builder.environment().put(name, "http://127.0.0.1:" + proxy);
        }
        builder.environment().put("no_proxy", "");
        var process = builder.start();
        process.getOutputStream().close();
        var said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said;
    }
}

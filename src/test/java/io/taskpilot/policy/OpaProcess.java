package io.taskpilot.policy;

import io.taskpilot.outside.OutsideProcess;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** An OPA server on a port that it keeps, to be killed, stopped and started again. */
public final class OpaProcess extends OutsideProcess {
    private static final Path SHIPPED = Path.of("conf/policy");

    private final RealOpa opa;
    private final List<String> more;

    private OpaProcess(RealOpa opa, int port, List<String> more) {
        super(port);
        this.opa = opa;
        this.more = more;
    }

    private static OpaProcess launched(int port, List<String> more) {
        var opa = new OpaProcess(RealOpa.installedOrSkip(), port, more);
        opa.launch();
        return opa;
    }

    /** With the shipped policy; returns when it answers, and skips the test where there is no OPA. */
    public static OpaProcess start() {
        return start(unusedPort());
    }

    public static OpaProcess start(int port) {
        return launched(port, List.of(SHIPPED.toString()));
    }

    /** @param policy a directory of Rego and data */
    public static OpaProcess start(Path policy) {
        return launched(unusedPort(), List.of(policy.toString()));
    }

    /**
     * One that loads {@code bundle.tar.gz} from a web server.
     *
     * @param flags as they are shipped
     */
    public static OpaProcess ofBundle(URI service, List<String> flags) {
        var bundle = List.of(
                "--set=services.store.url=" + service,
                "--set=bundles.taskpilot.service=store",
                "--set=bundles.taskpilot.resource=bundle.tar.gz",
                "--set=bundles.taskpilot.polling.min_delay_seconds=1",
                "--set=bundles.taskpilot.polling.max_delay_seconds=2");
        return launched(
                unusedPort(), Stream.concat(bundle.stream(), flags.stream()).toList());
    }

    /** One with a configuration file. */
    public static OpaProcess configured(Path configuration) {
        return launched(unusedPort(), List.of("--config-file=" + configuration));
    }

    @Override
    protected List<String> command() {
        var command = new ArrayList<String>();
        command.add(opa.binary());
        command.addAll(List.of("run", "--server", "--skip-version-check", "--addr=127.0.0.1:" + port()));
        command.addAll(more);
        return command;
    }

    @Override
    protected boolean isReady() throws IOException {
        var connection = (HttpURLConnection) url().resolve("/health").toURL().openConnection();
        connection.setConnectTimeout(5_000);
        connection.setReadTimeout(5_000);
        return connection.getResponseCode() == 200;
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + port());
    }
}

package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.vertx.core.http.HttpServerRequest;
import java.net.InetSocketAddress;

/**
 * Who may change how this server runs: whoever is on its machine, or in its pod, and holders of a key with the scope
 * {@code admin}. The management port has no other lock.
 */
final class Operators {
    private final Authentication authentication;
    private final Authentication local = Authentication.none();

    Operators(Authentication authentication) {
        this.authentication = authentication;
    }

    /** @throws Failure 401 or 403 for anybody else */
    Caller caller(HttpServerRequest request) {
        var remote = request.connection().remoteAddress();
        var near = remote != null
                && remote.hostAddress() != null
                && new InetSocketAddress(remote.hostAddress(), 0).getAddress().isLoopbackAddress();
        var caller = near && request.getHeader("authorization") == null
                ? local.caller(request) // a page in a browser of this machine is kept out as well
                : authentication.caller(request);
        var missing = caller.authenticated() || near ? caller.missing(Scope.ADMIN) : stranger();
        if (missing != null) {
            throw missing;
        }
        return caller;
    }

    private static Failure stranger() {
        return Failure.of(
                Failure.Kind.DENIED, "caller-foreign-origin", "without authentication only this machine may do that");
    }
}

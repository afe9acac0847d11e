package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Roles;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who calls.
 *
 * @param id of the key; {@code local} when authentication is off
 * @param tenant whose runs these are: waiting runs are taken from tenants in turn
 * @param authenticated false when authentication is off
 */
record Caller(String id, String tenant, List<String> roles, Set<Scope> scopes, boolean authenticated) {
    static final String DEFAULT_TENANT = "default";
    static final Caller LOCAL = new Caller("local", DEFAULT_TENANT, List.of(Roles.ALL), Scope.ALL, false);

    /** {@code caller-scope-missing} (403); null when the caller has the scope. */
    @Nullable
    Failure missing(Scope scope) {
        return scopes.contains(scope) || scopes.contains(Scope.ADMIN)
                ? null
                : Failure.of(
                        Failure.Kind.DENIED,
                        "caller-scope-missing",
                        "the key \"%s\" lacks the scope %s".formatted(id, scope.word()));
    }
}

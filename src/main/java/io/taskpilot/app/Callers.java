package io.taskpilot.app;

import io.taskpilot.config.ConfigException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.gateway.ApiKeys;
import io.taskpilot.gateway.Authentication;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Objects;

/** Who may call the server. */
final class Callers {
    private Callers() {}

    /** @throws ConfigException when the file of keys can't be read, or is wrong */
    static Authentication of(TaskPilotConfig.Auth auth) {
        return known(auth).withMetricsToken(auth.metricsToken());
    }

    private static Authentication known(TaskPilotConfig.Auth auth) {
        if (auth.mode() == TaskPilotConfig.Auth.Mode.NONE) {
            return Authentication.none();
        }
        var file = Objects.requireNonNull(auth.keysFile(), "auth.keysFile"); // the configuration's checks saw to both
        var secret = Objects.requireNonNull(auth.secret(), "auth.secret");
        try {
            var keys = Files.readString(file);
            return Site.configured(
                    "auth.keysFile: %s: ".formatted(file), () -> Authentication.keys(ApiKeys.parse(keys, secret)));
        } catch (IOException e) {
            throw new ConfigException(List.of("auth.keysFile: %s can't be read".formatted(file)));
        }
    }
}

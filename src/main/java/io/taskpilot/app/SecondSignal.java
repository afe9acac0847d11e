package io.taskpilot.app;

import java.lang.reflect.Proxy;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SIGTERM or Ctrl-C while a first one is being obeyed. The JVM ignores it; only {@code sun.misc.Signal} hears of it, which
 * is reached by reflection, as javac warns of the package whatever one does.
 */
final class SecondSignal {
    private static final Logger log = LoggerFactory.getLogger(SecondSignal.class);

    private SecondSignal() {}

    /** Has {@code action} run at each signal from now on. */
    static void then(Runnable action) {
        try {
            var signal = Class.forName("sun.misc.Signal");
            var listener = Class.forName("sun.misc.SignalHandler");
            var proxy = Proxy.newProxyInstance(
                    listener.getClassLoader(), new Class<?>[] {listener}, (self, method, arguments) -> {
                        action.run();
                        return null;
                    });
            for (var name : List.of("TERM", "INT")) {
                signal.getMethod("handle", signal, listener)
                        .invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
            }
        } catch (ReflectiveOperationException e) {
            log.debug("a second signal will not be heard", e); // not every JVM has the package
        }
    }
}

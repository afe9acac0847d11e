package io.taskpilot.app;

import io.taskpilot.engine.Journal;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.RunEvent;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Named points in a node's work with the journal, {@code before-} and {@code after-} each of its operations: {@code
 * before-claim}, {@code after-release}; for an append with the type of each of its events: {@code after-append
 * tool.started}. Commands, a line each: {@code hold POINT} lets nothing pass it, while the process lives on, until
 * {@code go POINT}; {@code catch POINT} only what gets there first; {@code stop POINT} stops the process (SIGSTOP) when it gets there, {@code die POINT} ends it, both
 * once. What is reached is told on standard output, as is who the node is.
 */
final class PausePoints {
    private static final String MARK = "chaos: ";

    private final Map<String, String> pointToAction = new ConcurrentHashMap<>();
    private final Map<String, List<Runnable>> pointToHeld = new ConcurrentHashMap<>();

    /** Reads commands until the harness is gone: then nobody needs this process any more. */
    void listen() {
        var reader = new Thread(
                () -> {
                    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
                    lines.lines().forEach(this::command);
                    Runtime.getRuntime().halt(1);
                },
                "chaos-commands");
        reader.setDaemon(true);
        reader.start();
    }

    void command(String line) {
        var words = line.split(" ", 2);
        if (!words[0].equals("go")) {
            pointToAction.put(words[1], words[0]);
            return;
        }
        pointToAction.remove(words[1]);
        var held = pointToHeld.remove(words[1]);
        if (held != null) {
            held.forEach(Runnable::run);
        }
    }

    void say(String what) {
        System.out.println(MARK + what);
        System.out.flush();
    }

    Journal around(Journal journal) {
        return (Journal) Proxy.newProxyInstance(
                Journal.class.getClassLoader(),
                new Class<?>[] {Journal.class},
                (proxy, method, arguments) -> intercept(journal, method, arguments));
    }

    private @Nullable Object intercept(Journal journal, Method method, Object @Nullable [] arguments) {
        if (method.getReturnType() != Future.class) {
            return call(journal, method, arguments);
        }
        var points = points(method.getName(), arguments);
        return pass(points, "before-")
                .compose(unused -> (Future<?>) call(journal, method, arguments))
                .onComplete(done -> tell(method.getName(), arguments, done.result(), done.cause()))
                .transform((result, cause) -> pass(points, "after-")
                        .compose(
                                unused -> cause == null ? Future.succeededFuture(result) : Future.failedFuture(cause)));
    }

    private static List<String> points(String operation, Object @Nullable [] arguments) {
        if (!operation.equals("append") || arguments == null) {
            return List.of(operation);
        }
        var points = new ArrayList<String>();
        for (var event : (List<?>) arguments[3]) {
            points.add("append " + EventCodec.type((RunEvent) event));
        }
        return points;
    }

    private void tell(
            String operation, Object @Nullable [] arguments, @Nullable Object result, @Nullable Throwable cause) {
        if (operation.equals("register") && result instanceof Journal.Heartbeat beat) {
            say("node " + beat.nodeId());
        } else if (operation.equals("append") && cause != null && arguments != null) {
            say("refused " + arguments[0] + " " + cause.getClass().getSimpleName());
        }
    }

    private Future<Void> pass(List<String> operations, String side) {
        for (var operation : operations) {
            var point = side + operation;
            var action = pointToAction.get(point);
            if (action != null) {
                say("reached " + point);
                return perform(action, point);
            }
        }
        return Future.succeededFuture();
    }

    private Future<Void> perform(String action, String point) {
        if (action.equals("hold")) {
            return hold(point, () -> pointToAction.containsKey(point));
        }
        if (pointToAction.remove(point, action)) {
            if (action.equals("catch")) {
                return hold(point, () -> true);
            }
            if (action.equals("die")) {
                Runtime.getRuntime().halt(137);
            }
            stop();
        }
        return Future.succeededFuture();
    }

    private Future<Void> hold(String point, BooleanSupplier still) {
        var context = Vertx.currentContext();
        var passed = Promise.<Void>promise();
        pointToHeld.compute(point, (same, held) -> {
            var all = held == null ? new ArrayList<Runnable>() : held;
            all.add(() -> context.runOnContext(unused -> passed.complete()));
            return all;
        });
        if (!still.getAsBoolean()) {
            command("go " + point); // let go between the look and the hold
        }
        return passed.future();
    }

    private static void stop() {
        try {
            new ProcessBuilder(
                            "kill",
                            "-STOP",
                            String.valueOf(ProcessHandle.current().pid()))
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static @Nullable Object call(Journal journal, Method method, Object @Nullable [] arguments) {
        try {
            return method.invoke(journal, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }
}

package io.taskpilot.gateway;

import io.netty.channel.ChannelFactory;
import io.netty.channel.ServerChannel;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.transport.Transport;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The sockets on which a Vert.x listens, so that it can stop to listen and still serve whom it accepted. Its own
 * shutdown does both at once: whoever had connected, and had not yet been read, is reset, and cannot know whether its
 * request counted. Thread-safe.
 */
public final class Listeners {
    private final Set<ServerChannel> channels = ConcurrentHashMap.newKeySet();

    /** For the Vert.x whose sockets these are: the best transport there is. */
    public Transport transport() {
        var best = Transport.nativeTransport();
        var chosen = best != null && best.available() ? best : Transport.NIO;
        var noting = noting(chosen.implementation());
        return new Transport() {
            @Override
            public String name() {
                return chosen.name();
            }

            @Override
            public boolean available() {
                return true;
            }

            @Override
            public Throwable unavailabilityCause() {
                return chosen.unavailabilityCause();
            }

            @Override
            public io.vertx.core.spi.transport.Transport implementation() {
                return noting;
            }
        };
    }

    private io.vertx.core.spi.transport.Transport noting(io.vertx.core.spi.transport.Transport real) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            var answer = call(real, method, arguments);
            return method.getName().equals("serverChannelFactory") ? noting((ChannelFactory<?>) answer) : answer;
        };
        var type = io.vertx.core.spi.transport.Transport.class;
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private ChannelFactory<ServerChannel> noting(ChannelFactory<?> real) {
        return () -> {
            var channel = (ServerChannel) real.newChannel();
            channels.add(channel);
            channel.closeFuture().addListener(unused -> channels.remove(channel));
            return channel;
        };
    }

    /** Stops to listen on {@code port}: who connects now is refused. Completes once nobody is accepted any more. */
    public Future<Void> close(int port) {
        var closed = Promise.<Void>promise();
        var listening = channels.stream()
                .filter(channel ->
                        channel.localAddress() instanceof InetSocketAddress address && address.getPort() == port)
                .findFirst();
        listening.ifPresentOrElse(
                channel -> channel.close().addListener(unused -> closed.complete()), closed::complete);
        return closed.future();
    }
}

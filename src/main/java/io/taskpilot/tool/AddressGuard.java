package io.taskpilot.tool;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Says which addresses a webhook may not go to: a name that an outsider controls must not reach into our network.
 *
 * <p>After the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 with RFC 8190,
 * iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry): what they say is not globally
 * reachable is closed, and so are the few addresses inside such a block that are. IPv6 is closed but for global unicast
 * (2000::/3, RFC 4291), and multicast (RFC 5771) as well. Beyond them, where clouds keep the metadata of a machine: AWS
 * and Google in link-local and unique local addresses of their own, Alibaba in 100.64.0.0/10, Azure at a public address,
 * Oracle and Scaleway in unique local ones.
 */
final class AddressGuard {
    /** A range, and whether {@code allowPrivate} opens it. */
    private record Range(InetAddress base, int bits, String what, boolean isPrivate) {
        boolean contains(byte[] address) {
            var prefix = base.getAddress();
            if (address.length != prefix.length) {
                return false;
            }
            for (var bit = 0; bit < bits; bit++) {
                var mask = 0x80 >> (bit % 8);
                if ((address[bit / 8] & mask) != (prefix[bit / 8] & mask)) {
                    return false;
                }
            }
            return true;
        }
    }

    // The first range that holds the address speaks: the narrow ones stand first.
    private static final List<Range> RANGES = List.of(
            never("169.254.169.254/32", "metadata"),
            never("100.100.100.200/32", "metadata"),
            never("168.63.129.16/32", "metadata"),
            never("fd00:42::42/128", "metadata"),
            never("fd00:c1::a9fe:a9fe/128", "metadata"),
            never("fd00:ec2::/32", "metadata"), // AWS: also credentials of pods, time, names
            never("fd20:ce::254/128", "metadata"),
            never("0.0.0.0/8", "unspecified"),
            ifPrivate("10.0.0.0/8", "private"),
            ifPrivate("100.64.0.0/10", "carrier-grade NAT"),
            ifPrivate("127.0.0.0/8", "loopback"),
            never("169.254.0.0/16", "link-local"),
            ifPrivate("172.16.0.0/12", "private"),
            never("192.0.0.0/24", "reserved"),
            never("192.0.2.0/24", "documentation"),
            never("192.88.99.0/24", "6to4 relay"),
            ifPrivate("192.168.0.0/16", "private"),
            never("198.18.0.0/15", "benchmarking"),
            never("198.51.100.0/24", "documentation"),
            never("203.0.113.0/24", "documentation"),
            never("224.0.0.0/4", "multicast"),
            never("240.0.0.0/4", "reserved"),
            never("::/128", "unspecified"),
            ifPrivate("::1/128", "loopback"),
            ifPrivate("fc00::/7", "private"),
            never("fe80::/10", "link-local"),
            never("ff00::/8", "multicast"),
            never("2001::/23", "reserved"),
            never("2001:db8::/32", "documentation"),
            never("2002::/16", "6to4"),
            never("3fff::/20", "documentation"));

    private static final byte[] GLOBAL_UNICAST = {0x20};
    private static final byte[] NAT64 = {0x00, 0x64, (byte) 0xff, (byte) 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};

    /** Names under which clouds answer with credentials; their addresses are refused as well, wherever they lead. */
    private static final Set<String> METADATA_NAMES = Set.of(
            "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.tencentyun.com");

    private AddressGuard() {}

    /** Whether the name, in any case, with or without the dot of the root, is that of a metadata service. */
    static boolean isMetadataName(String host) {
        return METADATA_NAMES.contains(host.toLowerCase(Locale.ROOT).replaceFirst("\\.$", ""));
    }

    /** What kind of address it is, when a webhook may not go there; null when it may. */
    static @Nullable String refusal(InetAddress address, boolean allowPrivate) {
        return refusal(address.getAddress(), allowPrivate);
    }

    /** The same for the 4 or 16 bytes of an address. An IPv4 address inside an IPv6 one is judged as itself. */
    static @Nullable String refusal(byte[] address, boolean allowPrivate) {
        var embedded = embeddedIpv4(address);
        if (embedded != null) {
            return refusal(embedded, allowPrivate);
        }
        for (var range : RANGES) {
            if (range.contains(address)) {
                return range.isPrivate() && allowPrivate ? null : range.what();
            }
        }
        var global = address.length == 4 || (address[0] & 0xe0) == GLOBAL_UNICAST[0];
        return global ? null : "not global";
    }

    /** IPv4-mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96): they lead where the IPv4 address does. */
    private static byte @Nullable [] embeddedIpv4(byte[] address) {
        if (address.length != 16 || !(isMapped(address) || startsWith(address, NAT64))) {
            return null;
        }
        return new byte[] {address[12], address[13], address[14], address[15]};
    }

    private static boolean isMapped(byte[] address) {
        return startsWith(address, new byte[10]) && address[10] == -1 && address[11] == -1;
    }

    private static boolean startsWith(byte[] address, byte[] prefix) {
        for (var i = 0; i < prefix.length; i++) {
            if (address[i] != prefix[i]) {
                return false;
            }
        }
        return true;
    }

    private static Range never(String cidr, String what) {
        return range(cidr, what, false);
    }

    private static Range ifPrivate(String cidr, String what) {
        return range(cidr, what, true);
    }

    private static Range range(String cidr, String what, boolean isPrivate) {
        var slash = cidr.indexOf('/');
        return new Range(
                literal(cidr.substring(0, slash)), Integer.parseInt(cidr.substring(slash + 1)), what, isPrivate);
    }

    private static InetAddress literal(String address) {
        try {
            return InetAddress.getByName(address); // a literal: nothing is looked up
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(address, e);
        }
    }
}

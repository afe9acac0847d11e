package io.taskpilot.tool;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/**
 * Whatever lies in a closed block is refused in each of its forms, and nothing else is. The blocks are those of the IANA
 * registries that are not globally reachable, written down here a second time.
 */
class AddressGuardPropertyTest {
    private static final List<Block> CLOSED_IPV4 = blocks(
            "0.0.0.0/8", // RFC 791, this network
            "10.0.0.0/8", // RFC 1918
            "100.64.0.0/10", // RFC 6598
            "127.0.0.0/8", // RFC 1122
            "169.254.0.0/16", // RFC 3927
            "172.16.0.0/12", // RFC 1918
            "192.0.0.0/24", // RFC 6890, with its two anycast addresses
            "192.0.2.0/24", // RFC 5737
            "192.88.99.0/24", // RFC 7526
            "192.168.0.0/16", // RFC 1918
            "198.18.0.0/15", // RFC 2544
            "198.51.100.0/24", // RFC 5737
            "203.0.113.0/24", // RFC 5737
            "224.0.0.0/4", // RFC 5771
            "240.0.0.0/4", // RFC 1112
            "255.255.255.255/32", // RFC 8190
            "168.63.129.16/32"); // Azure

    private static final List<Block> CLOSED_IPV6 = blocks(
            "::/128", // RFC 4291
            "::1/128", // RFC 4291
            "::/96", // RFC 4291, IPv4-compatible
            "::ffff:0:0:0/96", // RFC 2765, IPv4-translated
            "64:ff9b:1::/48", // RFC 8215
            "100::/64", // RFC 6666
            "100:0:0:1::/64", // RFC 9780
            "2001::/23", // RFC 2928, with Teredo, benchmarking and ORCHID
            "2001:db8::/32", // RFC 3849
            "2002::/16", // RFC 3056
            "3fff::/20", // RFC 9637
            "5f00::/16", // RFC 9602
            "fc00::/7", // RFC 4193
            "fd00:ec2::/32", // AWS
            "fe80::/10", // RFC 4291
            "fec0::/10", // RFC 3879
            "ff00::/8"); // RFC 4291

    private static final Block GLOBAL_UNICAST = block("2000::/3");

    /** A block of addresses, as numbers. */
    private record Block(BigInteger first, int suffixBits, int size) {
        boolean holds(byte[] address) {
            var offset = new BigInteger(1, address).subtract(first);
            return address.length == size && offset.signum() >= 0 && offset.bitLength() <= suffixBits;
        }

        Arbitrary<byte[]> addresses() {
            var last = BigInteger.ONE.shiftLeft(suffixBits).subtract(BigInteger.ONE);
            var offsets = Arbitraries.bigIntegers()
                    .between(BigInteger.ZERO, last)
                    .edgeCases(cases -> cases.add(BigInteger.ZERO, last));
            return offsets.map(offset -> bytes(first.add(offset), size));
        }
    }

    @Property(tries = 2000)
    void closedIpv4AddressIsRefusedInEveryForm(@ForAll("closedIpv4") byte[] address) {
        assertThat(formsOfIpv4(address))
                .allSatisfy(form -> assertThat(AddressGuard.refusal(form, false))
                        .as(Arrays.toString(form))
                        .isNotNull());
    }

    @Property(tries = 2000)
    void closedIpv6AddressIsRefusedInEveryForm(@ForAll("closedIpv6") byte[] address) {
        assertThat(formsOfIpv6(address))
                .allSatisfy(form -> assertThat(AddressGuard.refusal(form, false))
                        .as(Arrays.toString(form))
                        .isNotNull());
    }

    @Property(tries = 2000)
    void anyOtherIpv4AddressIsPermittedInEveryForm(@ForAll("openIpv4") byte[] address) {
        assertThat(formsOfIpv4(address)).allSatisfy(AddressGuardPropertyTest::assertPermitted);
    }

    @Property(tries = 2000)
    void anyOtherGlobalIpv6AddressIsPermittedInEveryForm(@ForAll("openIpv6") byte[] address) {
        assertThat(formsOfIpv6(address)).allSatisfy(AddressGuardPropertyTest::assertPermitted);
    }

    private static void assertPermitted(byte[] form) {
        assertThat(AddressGuard.refusal(form, false)).as(Arrays.toString(form)).isNull();
        assertThat(AddressGuard.refusal(form, true)).as(Arrays.toString(form)).isNull();
    }

    /** Who permits private addresses permits those, and no other kind. */
    @Property(tries = 2000)
    void allowPrivateOpensWhatIsPrivateAndNothingElse(@ForAll("anyAddress") byte[] address) {
        var strict = AddressGuard.refusal(address, false);
        var opened = List.of("private", "loopback", "carrier-grade NAT");

        assertThat(AddressGuard.refusal(address, true))
                .isEqualTo(strict == null || opened.contains(strict) ? null : strict);
    }

    @Provide
    Arbitrary<byte[]> closedIpv4() {
        return Arbitraries.of(CLOSED_IPV4).flatMap(Block::addresses);
    }

    @Provide
    Arbitrary<byte[]> closedIpv6() {
        return Arbitraries.of(CLOSED_IPV6).flatMap(Block::addresses);
    }

    @Provide
    Arbitrary<byte[]> openIpv4() {
        return block("0.0.0.0/0").addresses().filter(address -> !isClosed(address));
    }

    @Provide
    Arbitrary<byte[]> openIpv6() {
        return GLOBAL_UNICAST.addresses().filter(address -> !isClosed(address));
    }

    @Provide
    Arbitrary<byte[]> anyAddress() {
        return Arbitraries.oneOf(closedIpv4(), closedIpv6(), openIpv4(), openIpv6());
    }

    private static boolean isClosed(byte[] address) {
        return CLOSED_IPV4.stream().anyMatch(block -> block.holds(address))
                || CLOSED_IPV6.stream().anyMatch(block -> block.holds(address));
    }

    /** Of four bytes: themselves, mapped and translated into IPv6, and what the JDK reads of their spellings. */
    private static List<byte[]> formsOfIpv4(byte[] address) {
        var number = new BigInteger(1, address).longValueExact();
        var dotted = "%d.%d.%d.%d".formatted(number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255);
        var hex = "%04x:%04x".formatted(number >> 16, number & 0xffff);
        var forms = new ArrayList<byte[]>();
        forms.add(address);
        forms.add(concat(new byte[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1}, address));
        forms.add(concat(new byte[] {0, 0x64, -1, (byte) 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, address));
        forms.add(literal(dotted));
        forms.add(literal(Long.toString(number)));
        forms.add(literal("%d.%d".formatted(number >> 24, number & 0xffffff)));
        forms.add(literal("%d.%d.%d".formatted(number >> 24, number >> 16 & 255, number & 0xffff)));
        forms.add(literal("::ffff:" + dotted));
        forms.add(literal("::FFFF:" + hex));
        forms.add(literal("[::ffff:" + dotted + "]"));
        forms.add(literal("64:ff9b::" + dotted));
        forms.add(literal("0064:FF9B:0:0:0:0:" + hex));
        return forms;
    }

    private static List<byte[]> formsOfIpv6(byte[] address) {
        try {
            var canonical = Inet6Address.getByAddress(null, address, -1).getHostAddress();
            return List.of(
                    address,
                    literal(canonical),
                    literal(canonical.toUpperCase(Locale.ROOT)),
                    literal("[" + canonical + "]"),
                    literal(canonical + "%1"));
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] literal(String text) {
        try {
            return InetAddress.getByName(text).getAddress(); // a literal: nothing is looked up
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] concat(byte[] prefix, byte[] suffix) {
        var whole = Arrays.copyOf(prefix, prefix.length + suffix.length);
        System.arraycopy(suffix, 0, whole, prefix.length, suffix.length);
        return whole;
    }

    private static byte[] bytes(BigInteger number, int size) {
        var bytes = number.toByteArray(); // with a sign, or short
        var address = new byte[size];
        var length = Math.min(size, bytes.length);
        System.arraycopy(bytes, bytes.length - length, address, size - length, length);
        return address;
    }

    private static List<Block> blocks(String... cidrs) {
        return Arrays.stream(cidrs).map(AddressGuardPropertyTest::block).toList();
    }

    private static Block block(String cidr) {
        var slash = cidr.indexOf('/');
        var base = literal(cidr.substring(0, slash));
        var bits = base.length * 8 - Integer.parseInt(cidr.substring(slash + 1));
        return new Block(new BigInteger(1, base), bits, base.length);
    }
}

package io.taskpilot.tool;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressGuardTest {

    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, unspecified",
        "0.1.2.3, unspecified",
        "169.254.169.254, metadata",
        "100.100.100.200, metadata",
        "168.63.129.16, metadata",
        "fd00:ec2::254, metadata",
        "fd00:ec2::23, metadata",
        "fd00:ec2:ffff::1, metadata",
        "fd20:ce::254, metadata",
        "fd00:42::42, metadata",
        "fd00:c1::a9fe:a9fe, metadata",
        "169.254.0.1, link-local",
        "169.254.255.255, link-local",
        "192.0.0.8, reserved",
        "192.0.2.1, documentation",
        "192.88.99.1, 6to4 relay",
        "198.18.0.1, benchmarking",
        "198.19.255.255, benchmarking",
        "198.51.100.7, documentation",
        "203.0.113.255, documentation",
        "224.0.0.1, multicast",
        "239.255.255.255, multicast",
        "240.0.0.1, reserved",
        "255.255.255.255, reserved",
        "::, unspecified",
        "fe80::1, link-local",
        "febf::1, link-local",
        "fe80::1%1, link-local",
        "fe80::a9fe:a9fe, link-local",
        "fec0::1, not global",
        "ff02::1, multicast",
        "2001::1, reserved",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2, reserved",
        "2001:10::1, reserved",
        "2001:1ff:ffff::1, reserved",
        "2001:db8::1, documentation",
        "3fff::1, documentation",
        "2002:7f00:1::, 6to4",
        "2002:808:808::1, 6to4",
        "::127.0.0.1, not global",
        "::8.8.8.8, not global",
        "100::1, not global",
        "4000::1, not global",
        "5f00::1, not global",
        "64:ff9b:1::10.0.0.1, not global",
        "64:ff9b::169.254.169.254, metadata",
        "64:ff9b::0.0.0.0, unspecified",
        "::ffff:0:127.0.0.1, not global"
    })
    void addressNobodyMayReachIsNeverPermitted(String address, String kind) throws Exception {
        assertThat(AddressGuard.refusal(InetAddress.getByName(address), false)).isEqualTo(kind);
        assertThat(AddressGuard.refusal(InetAddress.getByName(address), true)).isEqualTo(kind);
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.0, private",
        "10.255.255.255, private",
        "100.64.0.1, carrier-grade NAT",
        "100.127.255.255, carrier-grade NAT",
        "127.0.0.1, loopback",
        "127.255.255.254, loopback",
        "172.16.0.1, private",
        "172.31.255.255, private",
        "192.168.0.1, private",
        "192.168.255.255, private",
        "::1, loopback",
        "fc00::1, private",
        "fdff:ffff::1, private",
        "fd00:ec3::1, private",
        "::ffff:127.0.0.1, loopback",
        "::ffff:10.1.2.3, private",
        "64:ff9b::10.1.2.3, private",
        "64:ff9b::127.0.0.1, loopback",
        "2130706433, loopback",
        "127.1, loopback"
    })
    void privateAddressNeedsToBeAllowed(String address, String kind) throws Exception {
        assertThat(AddressGuard.refusal(InetAddress.getByName(address), false)).isEqualTo(kind);
        assertThat(AddressGuard.refusal(InetAddress.getByName(address), true)).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1.1.1.1",
                "8.8.8.8",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.1",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "191.255.255.255",
                "192.0.1.1",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2001:200::1",
                "2001:4860:4860::8888",
                "2606:4700::1111",
                "2a00:1450::1",
                "3ffe::1",
                "64:ff9b::8.8.8.8"
            })
    void publicAddressIsPermitted(String address) throws Exception {
        assertThat(AddressGuard.refusal(InetAddress.getByName(address), false)).isNull();
        assertThat(AddressGuard.refusal(InetAddress.getByName(address), true)).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "metadata.google.internal",
                "Metadata.Google.Internal.",
                "metadata.goog",
                "instance-data.ec2.internal",
                "metadata.tencentyun.com"
            })
    void metadataServiceIsKnownByName(String host) {
        assertThat(AddressGuard.isMetadataName(host)).isTrue();
        assertThat(AddressGuard.isMetadataName("x" + host)).isFalse();
    }

    @Test
    void mappedAddressIsJudgedAsTheIpv4AddressInIt() {
        byte[] loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 127, 0, 0, 1};
        byte[] open = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 8, 8, 8, 8};

        assertThat(AddressGuard.refusal(loopback, false)).isEqualTo("loopback");
        assertThat(AddressGuard.refusal(open, false)).isNull();
    }
}

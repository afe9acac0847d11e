package io.taskpilot.tool;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.URISyntaxException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DestinationTest {

    /** What the resolvers of some systems read as 127.0.0.1, or a browser as a name, is no host here. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "https://0177.0.0.1/",
                "https://010.0.0.1/",
                "https://127.0.0.1./",
                "https://2130706433/",
                "https://127.1/",
                "https://127.0.1/",
                "https://0x7f.1/",
                "https://0x7f000001/",
                "https://0x7f.0.0.1/",
                "https://017700000001/",
                "https://127.0.0.1.1/",
                "https://256.0.0.1/",
                "https://[::1/",
                "https://①②⑦.⓪.⓪.①/",
                "https://１２７.0.0.1/",
                "https://münchen.example/",
                "https://a_b.example/",
                "https://-a.example/",
                "https://example.com%2f@127.0.0.1/",
                "https://127.0.0.1\\@example.com/",
                "https://exa mple.com/",
                "https:///path",
                "https:path"
            })
    void hostThatCanBeReadInTwoWaysIsNone(String url) {
        assertThat(refused(url, false)).isTrue();
        assertThat(refused(url, true)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "http://a.example/, scheme 'http'",
        "ftp://a.example/, scheme 'ftp'",
        "//a.example/, scheme ''",
        "https://user@a.example/, user and password",
        "https://user:pass@a.example/, user and password",
        "https://@a.example/, user and password",
        "https://a.example:0/, port 0",
        "https://a.example:65536/, port 65536",
        "https://metadata.google.internal/, the host of a metadata service",
        "https://METADATA.google.internal./, the host of a metadata service"
    })
    void mistakeIsNamed(String url, String mistake) {
        assertThat(Destination.mistake(URI.create(url), false)).startsWith(mistake);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "https://a.example",
                "https://a.example.:65535/path?query",
                "HTTPS://A.EXAMPLE:1/",
                "https://xn--mnchen-3ya.example/",
                "https://8.8.8.8/",
                "https://[2606:4700::1111]/"
            })
    void anyOtherUrlMayBe(String url) {
        assertThat(Destination.mistake(URI.create(url), false)).isEmpty();
    }

    private static boolean refused(String url, boolean allowPrivate) {
        try {
            return !Destination.mistake(new URI(url), allowPrivate).isEmpty();
        } catch (URISyntaxException e) {
            return true; // neither the configuration nor a redirect gets past this
        }
    }
}

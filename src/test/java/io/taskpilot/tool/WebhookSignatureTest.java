package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WebhookSignatureTest {

    @Test
    void signsTheExampleThatStandardWebhooksPublishes() {
        var signature = new WebhookSignature("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

        assertThat(signature.of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}".getBytes(UTF_8)))
                .isEqualTo("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /** A receiver looks for one signature that it can check, so it may know either secret. */
    @Test
    void whileASecretIsRotatedBothSign() {
        var old = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        var next = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        var body = "{}".getBytes(UTF_8);

        assertThat(new WebhookSignature(next, old).of("msg_1", 1614265330, body))
                .isEqualTo(new WebhookSignature(next).of("msg_1", 1614265330, body) + " "
                        + new WebhookSignature(old).of("msg_1", 1614265330, body));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_not*base64*at*all"})
    void secretOfAnotherShapeIsRefusedWithoutBeingQuoted(String secret) {
        assertThatThrownBy(() -> new WebhookSignature(secret))
                .isInstanceOf(IllegalArgumentException.class)
                .hasNoCause()
                .message()
                .startsWith("secret: ")
                .doesNotContain("MfKQ", "c2hv", "base64*");
    }
}

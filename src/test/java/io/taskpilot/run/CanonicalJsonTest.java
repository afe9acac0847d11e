package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CanonicalJsonTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** RFC 8785, appendix B. The last two are ECMAScript's shortest digits beside a power of two. */
    @ParameterizedTest
    @CsvSource({
        "0000000000000000, 0",
        "8000000000000000, 0",
        "0000000000000001, 5e-324",
        "8000000000000001, -5e-324",
        "7fefffffffffffff, 1.7976931348623157e+308",
        "ffefffffffffffff, -1.7976931348623157e+308",
        "4340000000000000, 9007199254740992",
        "c340000000000000, -9007199254740992",
        "4430000000000000, 295147905179352830000",
        "44b52d02c7e14af5, 9.999999999999997e+22",
        "44b52d02c7e14af6, 1e+23",
        "44b52d02c7e14af7, 1.0000000000000001e+23",
        "444b1ae4d6e2ef4e, 999999999999999700000",
        "444b1ae4d6e2ef4f, 999999999999999900000",
        "444b1ae4d6e2ef50, 1e+21",
        "3eb0c6f7a0b5ed8c, 9.999999999999997e-7",
        "3eb0c6f7a0b5ed8d, 0.000001",
        "41b3de4355555553, 333333333.3333332",
        "41b3de4355555554, 333333333.33333325",
        "41b3de4355555555, 333333333.3333333",
        "41b3de4355555556, 333333333.3333334",
        "41b3de4355555557, 333333333.33333343",
        "becbf647612f3696, -0.0000033333333333333333",
        "43143ff3c1cb0959, 1424953923781206.2",
        "3d30000000000000, 5.684341886080802e-14",
        "bd30000000000000, -5.684341886080802e-14"
    })
    void numbersAreWrittenAsEcmaScriptWritesThem(String bits, String text) {
        assertThat(CanonicalJson.of(Double.longBitsToDouble(Long.parseUnsignedLong(bits, 16))))
                .isEqualTo(text);
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void numbersThatJsonDoesNotHaveAreRefused(double value) {
        assertThatThrownBy(() -> CanonicalJson.of(List.of(value))).isInstanceOf(IllegalArgumentException.class);
    }

    /** RFC 8785, section 3.2.2. */
    @Test
    void sampleOfTheRfcIsWrittenAsThere() throws JsonProcessingException {
        var sample = """
                {"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                 "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
                 "literals": [null, true, false]}""";

        assertThat(CanonicalJson.of(JSON.readValue(sample, Object.class)))
                .isEqualTo("{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
                        + "\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    }

    /** RFC 8785, section 3.2.3: by UTF-16 code units, so a surrogate pair comes before U+FB33. */
    @Test
    void namesAreSortedByUtf16CodeUnits() {
        var names = List.of("\r", "1", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33");
        var shuffled = new ArrayList<>(names);
        Collections.reverse(shuffled);
        var object = new LinkedHashMap<String, Object>();
        shuffled.forEach(name -> object.put(name, 1));

        var text = CanonicalJson.of(object);

        var places = names.stream()
                .map(name -> text.indexOf(name.equals("\r") ? "\\r" : name))
                .toList();
        assertThat(places).isSorted().doesNotContain(-1);
    }

    @Test
    void controlCharactersHaveTheShortestEscapeAndNothingElseHasOne() {
        assertThat(CanonicalJson.of("\b\t\n\f\r\u0000\u001f\u007f\u2028/"))
                .isEqualTo("\"\\b\\t\\n\\f\\r\\u0000\\u001f\u007f\u2028/\"");
    }

    @Test
    void halvesOfSurrogatePairsDoNotShareADigest() {
        assertThat(CanonicalJson.of("\ud800x")).isEqualTo("\"\\ud800x\"");
        assertThat(CanonicalJson.of("\udc00\ud83d\ude00\ud83d")).isEqualTo("\"\\udc00\ud83d\ude00\\ud83d\"");
        assertThat(CanonicalJson.sha256("\ud800")).isNotEqualTo(CanonicalJson.sha256("\ud801"));
    }

    @Test
    void integersThatDoublesCannotTellApartDoNotShareADigest() {
        assertThat(CanonicalJson.of(9_007_199_254_740_993L)).isEqualTo("9007199254740993");
        assertThat(CanonicalJson.of(Long.MAX_VALUE)).isEqualTo("9223372036854775807");
        assertThat(CanonicalJson.of(Long.MIN_VALUE)).isEqualTo("-9223372036854775808");
        assertThat(CanonicalJson.of(BigInteger.TEN.pow(400))).hasSize(401);
    }

    @Test
    void equalNumbersHaveOneTextWhateverTheirType() {
        assertThat(List.of(1, 1L, 1.0, 1.0f, BigInteger.ONE, new BigDecimal("1.00")))
                .allSatisfy(one -> assertThat(CanonicalJson.of(one)).isEqualTo("1"));
        assertThat(List.of(1e21, BigInteger.TEN.pow(21), new BigDecimal("1E+21")))
                .allSatisfy(big -> assertThat(CanonicalJson.of(big)).isEqualTo("1e+21"));
        assertThat(List.of(Double.valueOf("1e23"), BigInteger.TEN.pow(23)))
                .allSatisfy(big -> assertThat(CanonicalJson.of(big)).isEqualTo("1e+23"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1E+2000", "1E+999999999", "-1E+2147483647"})
    void integerThatWouldFillTheMemoryIsRefused(String number) {
        assertThatThrownBy(() -> CanonicalJson.of(new BigDecimal(number))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void whatJsonDoesNotHaveIsRefused() {
        var withoutName = new HashMap<Object, Object>();
        withoutName.put(null, 1);
        for (var value : List.of('c', new Object(), new int[0], Map.of(1, 2), withoutName)) {
            assertThatThrownBy(() -> CanonicalJson.of(value)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Provide
    Arbitrary<Object> values() {
        return AnyEvent.json();
    }

    @Property(tries = 2_000, edgeCases = EdgeCasesMode.NONE)
    void textReadsBackAsTheValue(@ForAll("values") Object value) throws JsonProcessingException {
        var text = CanonicalJson.of(value);

        assertThat(JSON.readTree(text)).isEqualTo(JSON.readTree(JSON.writeValueAsString(value)));
        assertThat(CanonicalJson.of(JSON.readValue(text, Object.class))).isEqualTo(text);
    }

    @Property(tries = 5_000)
    void doublesReadBackToTheBit(@ForAll long bits) {
        var value = Double.longBitsToDouble(bits);
        Assume.that(Double.isFinite(value) && value != 0);

        assertThat(Double.parseDouble(CanonicalJson.of(value))).isEqualTo(value);
    }

    /** What a jsonb column makes of a number: no exponent, all digits. */
    @Property(tries = 5_000)
    void digestSurvivesAStoreThatWritesNumbersInFull(@ForAll long bits) throws JsonProcessingException {
        var value = Double.longBitsToDouble(bits);
        Assume.that(Double.isFinite(value));
        var text = CanonicalJson.of(value);
        var stored = new BigDecimal(text).toPlainString();

        assertThat(CanonicalJson.of(JSON.readValue(stored, Object.class))).isEqualTo(text);
    }

    @Property(tries = 2_000)
    void integersKeepTheirValue(@ForAll BigInteger value) {
        assertThat(new BigDecimal(CanonicalJson.of(value))).isEqualByComparingTo(new BigDecimal(value));
    }

    @Test
    void digestOfACallIsThatOfItsCanonicalForm() {
        var call = new ToolCall("call_1", Agent.EXECUTOR, "create_task", Map.of("title", "T", "priority", "high"));
        var form = "{\"agent\":\"ExecutorAgent\",\"arguments\":{\"priority\":\"high\",\"title\":\"T\"},"
                + "\"call\":\"call_1\",\"run\":\"run_" + World.RUN + "\",\"tool\":\"create_task\"}";

        assertThat(call.digest(World.RUN))
                .isEqualTo(CanonicalJson.sha256Text(form))
                .matches("[0-9a-f]{64}");
    }
}

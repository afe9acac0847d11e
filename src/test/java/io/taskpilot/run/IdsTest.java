package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class IdsTest {
    private static final long LAST = (1L << 48) - 1;

    private static RandomGenerator random(long seed) {
        return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    }

    @Property
    void idsAreUuidsOfVersion7(
            @ForAll @LongRange(min = 0, max = LAST) long millis, @ForAll long seed, @ForAll String name) {
        for (var id : List.of(Ids.at(millis, random(seed)), Ids.derived(Ids.at(millis, random(seed)), name))) {
            assertThat(id.version()).isEqualTo(7);
            assertThat(id.variant()).isEqualTo(2);
            assertThat(Ids.unixMillis(id)).isEqualTo(millis);
        }
    }

    /** PostgreSQL compares uuids as bytes, as their texts do. */
    @Property
    void laterIdsSortLater(@ForAll @LongRange(min = 0, max = LAST - 1) long millis, @ForAll long seed) {
        var earlier = Ids.at(millis, random(seed)).toString();
        var later = Ids.at(millis + 1, random(seed + 1)).toString();

        assertThat(earlier).usingComparator(Comparator.naturalOrder()).isLessThan(later);
    }

    @Test
    void derivedIdsAreTheSameEachTimeAndDifferByName() {
        assertThat(Ids.derived(World.RUN, "task"))
                .isEqualTo(Ids.derived(World.RUN, "task"))
                .isEqualTo(UUID.fromString("019a0000-0000-746f-ab20-576664b172de"));
        var seen = new HashSet<UUID>();
        for (var seq = 1; seq <= 10_000; seq++) {
            assertThat(seen.add(Ids.derived(World.RUN, "decision:" + seq))).isTrue();
        }
        assertThat(seen).doesNotContain(Ids.derived(World.RUN, "task"));
    }
}

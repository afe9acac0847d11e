package io.taskpilot.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.Secret;
import io.vertx.pgclient.SslMode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PostgresAddressTest {
    @Test
    void aUrlIsReadForBothDrivers() {
        var address = PostgresAddress.parse(
                new Secret("postgresql://us%40er:p%2Fw%3A+1@db.internal:6543/task%20pilot?sslmode=require"));

        assertThat(address.options().getHost()).isEqualTo("db.internal");
        assertThat(address.options().getPort()).isEqualTo(6543);
        assertThat(address.options().getUser()).isEqualTo("us@er");
        assertThat(address.options().getPassword()).isEqualTo("p/w:+1");
        assertThat(address.options().getDatabase()).isEqualTo("task pilot");
        assertThat(address.options().getSslMode()).isEqualTo(SslMode.REQUIRE);
        assertThat(address.jdbcUrl()).isEqualTo("jdbc:postgresql://db.internal:6543/task%20pilot");
        assertThat(address.jdbcProperties()).containsEntry("password", "p/w:+1").containsEntry("sslmode", "require");
    }

    @Test
    void thePortIsTheUsualOneWhenLeftOut() {
        assertThat(PostgresAddress.parse(new Secret("postgres://u:p@[::1]/db")).port())
                .isEqualTo(5432);
        assertThat(PostgresAddress.parse(new Secret("postgres://u:p@[::1]/db")).jdbcUrl())
                .isEqualTo("jdbc:postgresql://[::1]:5432/db");
    }

    @Test
    void whatIsWrittenIsReadBack() {
        var url = new Secret("postgresql://us%40er:p%2Fw%3A%2B1@db:6543/x?sslmode=require");

        assertThat(PostgresAddress.parse(PostgresAddress.parse(url).url())).isEqualTo(PostgresAddress.parse(url));
    }

    @Test
    void thePasswordIsPrintedNowhere() {
        var address = PostgresAddress.parse(new Secret("postgresql://u:hunter2@db/x"));

        assertThat(address.toString()).doesNotContain("hunter2");
        assertThat(address.jdbcUrl()).doesNotContain("hunter2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "mysql://u:hunter2@db/x",
                "postgresql://u:hunter2@/x",
                "postgresql://u:hunter2@db",
                "postgresql://u:hunter2@db/",
                "postgresql://db/x",
                "postgresql://u:hun ter2@db/x",
                "postgresql://u:hunter2@db/x?sslmode=maybe",
                "postgresql://u:hunter2@db/x?sslmod=require",
                "not a url"
            })
    void aBadUrlIsRefusedWithoutQuotingIt(String url) {
        assertThatThrownBy(() -> PostgresAddress.parse(new Secret(url)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("expected: ")
                .hasMessageNotContaining("hunter2");
    }
}

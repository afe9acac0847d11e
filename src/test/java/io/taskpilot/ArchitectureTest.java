package io.taskpilot;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaModifier.SYNTHETIC;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.GeneralCodingRules;
import io.vertx.core.Future;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The house: who may know whom. A package that does not exist yet obeys every rule. */
class ArchitectureTest {
    private static final JavaClasses CODE = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.taskpilot");

    private static final Set<String> COMMON = Set.of("resilience", "telemetry", "config");
    private static final Set<String> ADAPTER = Set.of("run", "engine");

    /** What a package may import of ours besides {@link #COMMON}; {@code app}, which may import all, is left out. */
    private static final Map<String, Set<String>> ARROWS = Map.ofEntries(
            Map.entry("run", Set.of()),
            Map.entry("engine", Set.of("run")),
            Map.entry("agent", ADAPTER),
            Map.entry("journal", ADAPTER),
            Map.entry("llm", ADAPTER),
            Map.entry("policy", ADAPTER),
            Map.entry("guardrail", ADAPTER),
            Map.entry("tool", ADAPTER),
            Map.entry("redis", ADAPTER),
            Map.entry("objects", ADAPTER),
            Map.entry("gateway", ADAPTER),
            Map.entry("telemetry", Set.of()),
            Map.entry("resilience", Set.of()),
            Map.entry("config", Set.of()));

    static Stream<String> packages() {
        return ARROWS.keySet().stream().sorted();
    }

    private static String in(String name) {
        return "io.taskpilot." + name + "..";
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(CODE);
    }

    @ParameterizedTest
    @MethodSource("packages")
    void arrowsPointOneWay(String name) {
        var allowed = new HashSet<>(ARROWS.get(name));
        allowed.add(name);
        if (!name.equals("run") && !name.equals("resilience")) {
            allowed.addAll(COMMON);
        }
        var forbidden = Stream.concat(packages(), Stream.of("app"))
                .filter(other -> !allowed.contains(other))
                .map(ArchitectureTest::in)
                .toArray(String[]::new);

        check(noClasses()
                .that()
                .resideInAPackage(in(name))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(forbidden));
    }

    @Test
    void everyPackageIsOnTheMap() {
        var known = Stream.concat(packages(), Stream.of("app")).map(ArchitectureTest::in);

        check(classes().should().resideInAnyPackage(known.toArray(String[]::new)));
    }

    @Test
    void packagesHaveNoCycles() {
        check(slices().matching("io.taskpilot.(*)..").should().beFreeOfCycles());
    }

    @Test
    void coreKnowsTheJdkOnly() {
        check(classes()
                .that()
                .resideInAPackage(in("run"))
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        in("run"),
                        "java.lang..",
                        "java.util..",
                        "java.time..",
                        "java.math..",
                        "java.nio..",
                        "java.security",
                        "org.jspecify.."));
    }

    @ParameterizedTest
    @ValueSource(strings = {"now", "currentTimeMillis", "nanoTime", "randomUUID", "random", "sleep", "getenv"})
    void coreAsksNeitherTheClockNorTheDice(String method) {
        check(noClasses().that().resideInAPackage(in("run")).should().callMethodWhere(call(method, "java.")));
    }

    @Test
    void onlyTheGatewayKnowsRouting() {
        check(noClasses()
                .that()
                .resideOutsideOfPackage(in("gateway"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.vertx.ext.web",
                        "io.vertx.ext.web.handler..",
                        "io.vertx.ext.web.sstore..",
                        "io.vertx.ext.web.openapi..",
                        "io.vertx.ext.web.templ.."));
    }

    @Test
    void onlyTheJournalKnowsSql() {
        check(noClasses()
                .that()
                .resideOutsideOfPackage(in("journal"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.vertx.sqlclient..",
                        "io.vertx.pgclient..",
                        "java.sql..",
                        "org.postgresql..",
                        "org.flywaydb..",
                        "io.zonky.."));
    }

    @Test
    void onlyAppBlocksOnAFuture() {
        check(noClasses()
                .that()
                .resideOutsideOfPackage(in("app"))
                .should()
                .callMethodWhere(call("await", Future.class.getName())));
    }

    @ParameterizedTest
    @ValueSource(strings = {"sleep", "join"})
    void onlyAppPutsAThreadToSleep(String method) {
        check(noClasses()
                .that()
                .resideOutsideOfPackage(in("app"))
                .should()
                .callMethodWhere(call(method, Thread.class.getName())));
    }

    private static DescribedPredicate<JavaMethodCall> call(String method, String owner) {
        return describe(
                owner + " " + method,
                call -> call.getTarget().getName().equals(method)
                        && call.getTarget().getOwner().getName().startsWith(owner));
    }

    @Test
    void onlyAppWritesToTheTerminal() {
        check(noClasses().that().resideOutsideOfPackage(in("app")).should(GeneralCodingRules.ACCESS_STANDARD_STREAMS));
    }

    @Test
    void nobodyReachesIntoVertx() {
        check(noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.vertx..impl..", "io.vertx..internal.."));
    }

    @Test
    void nothingStaticChanges() {
        check(fields().that()
                .areStatic()
                .and()
                .doNotHaveModifier(SYNTHETIC)
                .should()
                .beFinal());
    }

    @Test
    void namesSayWhatThingsAre() {
        check(noClasses()
                .should()
                .haveNameMatching(
                        ".*[.$](Abstract\\w*|\\w*(Util|Utils|Helper|Manager|Processor|Impl|Common|Base|Data|Info))"));
    }

    @Test
    void everyPackageSaysWhatMayBeNull() {
        var unmarked = CODE.stream()
                .map(type -> type.getPackage())
                .filter(type -> !type.isAnnotatedWith(NullMarked.class))
                .map(type -> type.getName())
                .distinct();

        assertThat(unmarked).isEmpty();
    }
}

package io.taskpilot.chart;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.autoscaling.v2.HorizontalPodAutoscaler;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.gatewayapi.v1.HTTPRoute;
import io.fabric8.kubernetes.api.model.networking.v1.Ingress;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.openshift.api.model.monitoring.v1.PrometheusRule;
import io.fabric8.openshift.api.model.monitoring.v1.ServiceMonitor;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every object is read by the model of its kind, strictly: a field that the model does not have is a typo. */
class ChartTypesTest {
    private static final Map<String, Class<?>> MODELS = Map.ofEntries(
            entry("v1/ConfigMap", ConfigMap.class),
            entry("v1/PersistentVolumeClaim", PersistentVolumeClaim.class),
            entry("v1/Pod", Pod.class),
            entry("v1/Secret", Secret.class),
            entry("v1/Service", Service.class),
            entry("v1/ServiceAccount", ServiceAccount.class),
            entry("apps/v1/DaemonSet", DaemonSet.class),
            entry("apps/v1/Deployment", Deployment.class),
            entry("apps/v1/StatefulSet", StatefulSet.class),
            entry("autoscaling/v2/HorizontalPodAutoscaler", HorizontalPodAutoscaler.class),
            entry("batch/v1/CronJob", CronJob.class),
            entry("batch/v1/Job", Job.class),
            entry("networking.k8s.io/v1/Ingress", Ingress.class),
            entry("networking.k8s.io/v1/NetworkPolicy", NetworkPolicy.class),
            entry("policy/v1/PodDisruptionBudget", PodDisruptionBudget.class),
            entry("rbac.authorization.k8s.io/v1/Role", Role.class),
            entry("rbac.authorization.k8s.io/v1/RoleBinding", RoleBinding.class),
            entry("gateway.networking.k8s.io/v1/HTTPRoute", HTTPRoute.class),
            entry("monitoring.coreos.com/v1/ServiceMonitor", ServiceMonitor.class),
            entry("monitoring.coreos.com/v1/PrometheusRule", PrometheusRule.class),
            entry("external-secrets.io/v1/ExternalSecret", ExternalSecret.class));

    private static final JsonMapper STRICT = JsonMapper.builder()
            .annotationIntrospector(new NoLeftovers())
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();

    /** The models keep what they do not know; here it is not to be kept. */
    private static final class NoLeftovers extends JacksonAnnotationIntrospector {
        @Override
        public @Nullable Boolean hasAnySetter(Annotated member) {
            return Boolean.FALSE;
        }
    }

    /** No library has this one: the fields of the operator's v1 that the chart may use. */
    record ExternalSecret(String apiVersion, String kind, Map<String, Object> metadata, Spec spec) {
        record Spec(
                String refreshInterval,
                StoreRef secretStoreRef,
                Target target,
                @Nullable List<Data> data,
                @Nullable List<DataFrom> dataFrom) {}

        record StoreRef(String name, String kind) {}

        record Target(String name, String creationPolicy) {}

        record Data(String secretKey, RemoteRef remoteRef) {}

        record RemoteRef(
                String key,
                @Nullable String property,
                @Nullable String version) {}

        record DataFrom(@Nullable RemoteRef extract) {}
    }

    @TestFactory
    Stream<DynamicTest> everyObjectIsOfItsType() {
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(
                        entry.getKey(), () -> entry.getValue().render().all().forEach(ChartTypesTest::read)));
    }

    @Test
    void aTypoIsSeen() {
        var object = (ObjectNode)
                Chart.plain().render().one("Deployment", "taskpilot").deepCopy();
        ((ObjectNode) object.at("/spec/template/spec/containers/0")).put("imagePolicy", "Always");

        assertThatThrownBy(() -> read(object)).hasMessageContaining("imagePolicy");
    }

    @Test
    void theFilesOfCiMakeEveryKind() {
        var made = ValuesFiles.all().values().stream()
                .flatMap(chart -> chart.render().all().stream())
                .map(ChartTypesTest::type)
                .distinct();

        assertThat(made).containsExactlyInAnyOrderElementsOf(MODELS.keySet());
    }

    private static String type(JsonNode object) {
        return object.path("apiVersion").asText() + "/" + object.path("kind").asText();
    }

    private static void read(JsonNode object) {
        var model = MODELS.get(type(object));
        assertThat(model).as(type(object)).isNotNull();
        try {
            assertThat((Object) STRICT.treeToValue(object, model)).isNotNull();
        } catch (IOException e) {
            throw new AssertionError(type(object) + " " + Objects.name(object) + ": " + e.getMessage(), e);
        }
    }
}

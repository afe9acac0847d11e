{{/* The server's pod. */}}

{{- define "taskpilot.terminationGracePeriod" -}}
{{- $drain := .Values.drain -}}
{{- $drain.terminationGracePeriodSeconds | default (add $drain.preStopSeconds (max $drain.acceptSeconds $drain.graceSeconds) 15) -}}
{{- end }}

{{/* (list root roles): settings that the chart decides. Operators' own are in taskpilot.yaml; these win over it. */}}
{{- define "taskpilot.env" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $secrets := "/run/secrets/taskpilot" -}}
- {name: TASKPILOT_ENVIRONMENT, value: {{ $values.environment | quote }}}
- {name: TASKPILOT_ROLES, value: {{ index . 1 | quote }}}
- {name: TASKPILOT_CONF_DIR, value: /etc/taskpilot}
- {name: TASKPILOT_DATA_DIR, value: /var/lib/taskpilot}
- {name: TASKPILOT_HTTP_HOST, value: 0.0.0.0}
- {name: TASKPILOT_HTTP_PORT, value: "8000"}
- {name: TASKPILOT_HTTP_MANAGEMENT_HOST, value: 0.0.0.0}
- {name: TASKPILOT_HTTP_MANAGEMENT_PORT, value: "8081"}
- {name: TASKPILOT_HTTP_MANAGEMENT_ONLY, value: "true"}
- {name: TASKPILOT_AUTH_MODE, value: keys}
- {name: TASKPILOT_AUTH_KEYS_FILE, value: {{ $secrets }}/keys.yaml}
- {name: TASKPILOT_AUTH_SECRET_FILE, value: {{ $secrets }}/auth-secret}
{{- if $values.decisions.chainKey }}
- {name: TASKPILOT_DECISIONS_CHAIN_KEY_FILE, value: {{ $secrets }}/decisions-chain-key}
{{- end }}
- {name: TASKPILOT_POSTGRES_URL_FILE, value: {{ $secrets }}/postgres-url}
- {name: TASKPILOT_POSTGRES_POOL_SIZE, value: {{ $values.postgres.poolSize | quote }}}
{{- if $values.redis.enabled }}
- {name: TASKPILOT_REDIS_URL_FILE, value: {{ $secrets }}/redis-url}
{{- end }}
{{- if $values.s3.enabled }}
- {name: TASKPILOT_S3_URL, value: {{ include "taskpilot.s3Url" $root | quote }}}
- {name: TASKPILOT_S3_BUCKET, value: {{ $values.s3.bucket | quote }}}
- {name: TASKPILOT_S3_REGION, value: {{ $values.s3.region | quote }}}
- {name: TASKPILOT_S3_ACCESS_KEY_FILE, value: {{ $secrets }}/s3-access-key}
- {name: TASKPILOT_S3_SECRET_KEY_FILE, value: {{ $secrets }}/s3-secret-key}
{{- end }}
- {name: TASKPILOT_LLM_PROVIDER, value: {{ $values.llm.provider }}}
{{- with $values.llm.baseUrl }}
- {name: TASKPILOT_LLM_BASE_URL, value: {{ . | quote }}}
{{- end }}
{{- with $values.llm.model }}
- {name: TASKPILOT_LLM_MODEL, value: {{ . | quote }}}
{{- end }}
{{- if and (eq $values.llm.provider "openai") $values.llm.apiKey }}
- {name: TASKPILOT_LLM_API_KEY_FILE, value: {{ $secrets }}/openai-api-key}
{{- end }}
{{- with include "taskpilot.opaUrl" $root }}
- {name: TASKPILOT_OPA_URL, value: {{ . | quote }}}
{{- end }}
{{- if has "agents" (splitList "," (index . 1)) }}
{{- with include "taskpilot.guardrailsUrl" $root }}
- {name: TASKPILOT_GUARDRAILS_URL, value: {{ . | quote }}}
{{- end }}
{{- end }}
- {name: TASKPILOT_DRAIN_ACCEPT, value: {{ $values.drain.acceptSeconds }}s}
- {name: TASKPILOT_DRAIN_GRACE, value: {{ $values.drain.graceSeconds }}s}
- {name: TASKPILOT_LOG_FORMAT, value: {{ $values.log.format }}}
- {name: TASKPILOT_LOG_LEVEL, value: {{ $values.log.level }}}
{{ include "taskpilot.otelEnv" (list $root "taskpilot") }}
{{- end }}

{{/* (list root service): where traces go and whose they are, by OpenTelemetry's own names */}}
{{- define "taskpilot.otelEnv" -}}
{{- $root := index . 0 -}}
{{- $endpoint := $root.Values.metricsExporter.enabled | ternary "http://127.0.0.1:4318" (include "taskpilot.otlpEndpoint" $root) -}}
{{- $protocol := $root.Values.metricsExporter.enabled | ternary "http/protobuf" "grpc" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- if include "taskpilot.otlpEndpoint" $root }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ $endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ $protocol }}}
{{- else }}
- {name: OTEL_SDK_DISABLED, value: "true"}
{{- end }}
- {name: OTEL_SERVICE_NAME, value: {{ index . 1 }}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: >-
    service.version={{ $root.Chart.AppVersion }},service.namespace={{ $root.Release.Namespace }},service.instance.id=$(POD_NAME),deployment.environment.name={{ $root.Values.environment }},k8s.namespace.name={{ $root.Release.Namespace }},k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)
{{- end }}

{{/* The container's own volumes; what a pod without the server needs of them is in the jobs. */}}
{{- define "taskpilot.serverMounts" -}}
- {name: config, mountPath: /run/taskpilot, readOnly: true}
- {name: secrets, mountPath: /run/secrets/taskpilot, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /var/lib/taskpilot}
- {name: guardrails, mountPath: /etc/taskpilot/guardrails/taskpilot, readOnly: true}
{{- range $file, $text := .Values.confFiles }}
- {name: conf, mountPath: /etc/taskpilot/{{ $file }}, subPath: {{ $file | replace "/" "__" }}, readOnly: true}
{{- end }}
{{- end }}

{{/* (list root server): the template of the pods of one Deployment */}}
{{- define "taskpilot.serverPod" -}}
{{- $root := index . 0 -}}
{{- $server := index . 1 -}}
{{- $settings := $server.settings -}}
{{- $drives := has "agents" (splitList "," $server.roles) -}}
metadata:
  labels:
    {{- include "taskpilot.labels" (list $root $server.component) | nindent 4 }}
    # Whatever its role.
    taskpilot.io/server: "true"
    {{- with $settings.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: taskpilot
    # A new configuration is a new pod: both the server and OPA read theirs at start.
    checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
    checksum/policy: {{ include (print $root.Template.BasePath "/policy-configmap.yaml") $root | sha256sum }}
    checksum/guardrails: {{ include (print $root.Template.BasePath "/guardrails-configmap.yaml") $root | sha256sum }}
    checksum/exporter: {{ include (print $root.Template.BasePath "/exporter-configmap.yaml") $root | sha256sum }}
    checksum/secrets: {{ toJson (list $root.Values.secrets $root.Values.keys) | sha256sum }}
    {{- if $root.Values.metrics.podAnnotations }}
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ $root.Values.metricsExporter.enabled | ternary $root.Values.metricsExporter.port 8081 | quote }}
    prometheus.io/path: /metrics
    {{- end }}
    {{- with $settings.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "taskpilot.serviceAccount" $root }}
  automountServiceAccountToken: false
  # The variables of a Service named taskpilot would begin with TASKPILOT_, and the server refuses what it does not know.
  enableServiceLinks: false
  {{- include "taskpilot.pullSecrets" $root | nindent 2 }}
  {{- include "taskpilot.podSecurity" 65532 | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "taskpilot.terminationGracePeriod" $root }}
  {{- with $settings.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $settings.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $settings.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $settings.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $settings.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml $settings.topologySpreadConstraints | nindent 4 }}
  {{- else }}
  {{- include "taskpilot.spread" (list $root $server.component) | nindent 2 }}
  {{- end }}
  initContainers:
    {{- if eq "init" (include "taskpilot.migrations" $root) }}
    {{- include "taskpilot.migrateContainer" (list $root (dict "data" "data" "tmp" "tmp")) | nindent 4 }}
    {{- end }}
    {{- include "taskpilot.sidecars" (list $root $drives) | nindent 4 }}
  containers:
    - name: taskpilot
      {{- include "taskpilot.image" (list $root $root.Values.image) | nindent 6 }}
      args: [serve, --config, /run/taskpilot/taskpilot.yaml]
      env:
        {{- include "taskpilot.env" (list $root $server.roles) | nindent 8 }}
        {{- with $settings.jvmOptions }}
        - {name: JAVA_TOOL_OPTIONS, value: {{ . | quote }}}
        {{- end }}
        {{- with $settings.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- if ne $server.roles "agents" }}
        - {name: http, containerPort: 8000}
        {{- end }}
        - {name: management, containerPort: 8081}
      startupProbe:
        httpGet: {path: /health/started, port: management}
        {{- toYaml $root.Values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: {path: /health/live, port: management}
        {{- toYaml $root.Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /health/ready, port: management}
        {{- toYaml $root.Values.probes.readiness | nindent 8 }}
      lifecycle:
        preStop:
          {{- if include "taskpilot.canSleep" $root }}
          sleep: {seconds: {{ $root.Values.drain.preStopSeconds }}}
          {{- else }}
          exec: {command: [/usr/bin/java, "@/app/java.args", io.taskpilot.app.Main, sleep, "{{ $root.Values.drain.preStopSeconds }}s"]}
          {{- end }}
      resources:
        {{- toYaml $settings.resources | nindent 8 }}
      {{- include "taskpilot.containerSecurity" $root | nindent 6 }}
      volumeMounts:
        {{- include "taskpilot.serverMounts" $root | nindent 8 }}
        {{- with $settings.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ include "taskpilot.fullname" $root }}-config}
    {{- if $root.Values.confFiles }}
    - name: conf
      configMap: {name: {{ include "taskpilot.fullname" $root }}-conf}
    {{- end }}
    {{- include "taskpilot.secretsVolume" (list $root (include "taskpilot.serverSecrets" $root | fromJsonArray)) | nindent 4 }}
    - name: tmp
      emptyDir: {sizeLimit: {{ $settings.tmpSize }}}
    - name: data
      emptyDir: {sizeLimit: {{ $settings.dataSize }}}
    {{- include "taskpilot.guardrailsVolume" $root | nindent 4 }}
    {{- include "taskpilot.sidecarVolumes" (list $root $drives) | nindent 4 }}
    {{- with $settings.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

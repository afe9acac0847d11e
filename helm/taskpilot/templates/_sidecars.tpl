{{/* OPA, the guardrails and the metrics exporter: beside the server, or on their own. */}}

{{- define "taskpilot.opaUrl" -}}
{{- $mode := .Values.opa.mode -}}
{{- if eq $mode "sidecar" -}}
http://127.0.0.1:8181
{{- else if eq $mode "service" -}}
http://{{ include "taskpilot.fullname" . }}-opa:8181
{{- else if eq $mode "external" -}}
{{- .Values.opa.url -}}
{{- end -}}
{{- end }}

{{- define "taskpilot.guardrailsUrl" -}}
{{- $mode := .Values.guardrails.mode -}}
{{- if eq $mode "sidecar" -}}
http://127.0.0.1:8010
{{- else if eq $mode "service" -}}
http://{{ include "taskpilot.fullname" . }}-guardrails:8010
{{- else if eq $mode "external" -}}
{{- .Values.guardrails.url -}}
{{- end -}}
{{- end }}

{{/* (list root drives): native sidecars, in the order in which they start; they stop in the other order, after the server */}}
{{- define "taskpilot.sidecars" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.metricsExporter.enabled }}
{{ include "taskpilot.exporterContainer" (list $root (index . 1 | ternary "config" "gateway")) }}
{{- end }}
{{- if eq $root.Values.opa.mode "sidecar" }}
{{ include "taskpilot.opaContainer" (list $root "127.0.0.1" true) }}
{{- end }}
{{- if and (eq $root.Values.guardrails.mode "sidecar") (index . 1) }}
{{ include "taskpilot.guardrailsContainer" (list $root "127.0.0.1" true) }}
{{- end }}
{{- end }}

{{/* (list root drives) */}}
{{- define "taskpilot.sidecarVolumes" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.metricsExporter.enabled }}
- name: exporter
  configMap: {name: {{ include "taskpilot.fullname" $root }}-exporter}
{{- end }}
{{- if eq $root.Values.opa.mode "sidecar" }}
{{ include "taskpilot.opaVolumes" $root }}
{{- end }}
{{- if and (eq $root.Values.guardrails.mode "sidecar") (index . 1) }}
- name: guardrails-tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end }}
{{- end }}

{{/* (list root address sidecar): answers policy on 8181, health and metrics on 8282 */}}
{{- define "taskpilot.opaContainer" -}}
{{- $root := index . 0 -}}
{{- $opa := $root.Values.opa -}}
- name: opa
  {{- include "taskpilot.image" (list $root $opa.image) | nindent 2 }}
  {{- if index . 2 }}
  restartPolicy: Always
  {{- end }}
  args:
    - run
    - --server
    - --addr={{ index . 1 }}:8181
    - --diagnostic-addr=0.0.0.0:8282
    # Who reaches the port may ask for a decision, and nothing else: /opa/authz.rego.
    - --authorization=basic
    - --skip-version-check
    - --log-level={{ $opa.logLevel }}
    - --log-format=json
    - --shutdown-wait-period={{ index . 2 | ternary 0 5 }}
    - --shutdown-grace-period=5
    # The second copy of everything that a mounted ConfigMap has.
    - --ignore=.*
    {{- if $opa.bundle.url }}
    - --config-file=/opa/config.yaml
    - /opa/authz.rego
    {{- else }}
    - /opa/authz.rego
    - /policy
    {{- end }}
  ports:
    {{- if not (index . 2) }}
    - {name: policy, containerPort: 8181}
    {{- end }}
    - {name: opa-diagnostic, containerPort: 8282}
  startupProbe:
    # With a bundle: only once it is there.
    httpGet: {path: "/health?bundles=true", port: opa-diagnostic}
    periodSeconds: 1
    timeoutSeconds: 2
    failureThreshold: 60
  livenessProbe:
    httpGet: {path: /health, port: opa-diagnostic}
    periodSeconds: 10
    timeoutSeconds: 3
    failureThreshold: 3
  {{- if not (index . 2) }}
  readinessProbe:
    httpGet: {path: "/health?bundles=true", port: opa-diagnostic}
    periodSeconds: 5
    timeoutSeconds: 3
  {{- end }}
  resources:
    {{- toYaml $opa.resources | nindent 4 }}
  {{- include "taskpilot.containerSecurity" $root | nindent 2 }}
  volumeMounts:
    - {name: opa, mountPath: /opa, readOnly: true}
    {{- if not $opa.bundle.url }}
    - {name: policy, mountPath: /policy, readOnly: true}
    {{- end }}
    {{- if or $opa.bundle.tokenKey $opa.bundle.verificationKey }}
    - {name: opa-secrets, mountPath: /run/secrets/opa, readOnly: true}
    {{- end }}
{{- end }}

{{- define "taskpilot.opaVolumes" -}}
{{- $opa := .Values.opa -}}
- name: opa
  configMap: {name: {{ include "taskpilot.fullname" . }}-opa}
{{- if not $opa.bundle.url }}
- name: policy
  configMap: {name: {{ $opa.existingConfigMap | default (printf "%s-policy" (include "taskpilot.fullname" .)) }}}
{{- end }}
{{- if or $opa.bundle.tokenKey $opa.bundle.verificationKey }}
- name: opa-secrets
  secret:
    secretName: {{ include "taskpilot.secretName" . }}
    defaultMode: 288 # 0440
    items:
      {{- range compact (list $opa.bundle.tokenKey $opa.bundle.verificationKey) }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}

{{/* (list root address sidecar): NeMo Guardrails on 8010 */}}
{{- define "taskpilot.guardrailsContainer" -}}
{{- $root := index . 0 -}}
{{- $guardrails := $root.Values.guardrails -}}
{{- $probe := "import json, urllib.request as r; assert 'taskpilot' in [c['id'] for c in json.load(r.urlopen('http://127.0.0.1:8010/v1/rails/configs', timeout=4))]" -}}
- name: guardrails
  {{- include "taskpilot.image" (list $root $guardrails.image) | nindent 2 }}
  {{- if index . 2 }}
  restartPolicy: Always
  {{- end }}
  command: [python, /app/serve.py, /conf/guardrails, {{ index . 1 }}, "8010"]
  env:
    - {name: HOME, value: /tmp}
    - {name: NEMO_GUARDRAILS_NO_USAGE_STATS, value: "1"}
    - {name: DO_NOT_TRACK, value: "1"}
  {{- if not (index . 2) }}
  ports:
    - {name: rails, containerPort: 8010}
  {{- end }}
  # The answer has to name our configuration: a server without it is up and of no use.
  startupProbe:
    {{- if index . 2 }}
    # The kubelet does not reach loopback; a command inside does.
    exec: {command: [python, -c, {{ $probe | quote }}]}
    {{- else }}
    httpGet: {path: /v1/rails/configs, port: rails}
    {{- end }}
    periodSeconds: 3
    timeoutSeconds: 5
    failureThreshold: 60
  livenessProbe:
    {{- if index . 2 }}
    exec: {command: [python, -c, {{ $probe | quote }}]}
    {{- else }}
    httpGet: {path: /v1/rails/configs, port: rails}
    {{- end }}
    periodSeconds: 30
    timeoutSeconds: 10
    failureThreshold: 3
  {{- if not (index . 2) }}
  readinessProbe:
    httpGet: {path: /v1/rails/configs, port: rails}
    periodSeconds: 5
    timeoutSeconds: 5
  {{- end }}
  resources:
    {{- toYaml $guardrails.resources | nindent 4 }}
  {{- include "taskpilot.containerSecurity" $root | nindent 2 }}
  volumeMounts:
    - {name: guardrails, mountPath: /conf/guardrails/taskpilot, readOnly: true}
    - {name: guardrails-tmp, mountPath: /tmp}
{{- end }}

{{/* The rails: the server reads them too. */}}
{{- define "taskpilot.guardrailsVolume" -}}
- name: guardrails
  configMap: {name: {{ .Values.guardrails.existingConfigMap | default (printf "%s-guardrails" (include "taskpilot.fullname" .)) }}}
{{- end }}

{{/* (list root config) */}}
{{- define "taskpilot.exporterContainer" -}}
{{- $root := index . 0 -}}
- name: metrics-exporter
  {{- include "taskpilot.image" (list $root $root.Values.metricsExporter.image) | nindent 2 }}
  restartPolicy: Always
  args: [--config=/etc/otelcol/{{ index . 1 }}.yaml]
  env:
    # The label `instance` of everything it offers.
    - name: EXPORTER_INSTANCE
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    - {name: EXPORTER_PORT, value: {{ $root.Values.metricsExporter.port | quote }}}
    - {name: EXPORTER_OPA, value: 127.0.0.1:8282}
    {{- with include "taskpilot.otlpEndpoint" $root }}
    - {name: COLLECTOR_ENDPOINT, value: {{ . | quote }}}
    {{- end }}
    # Go learns of a memory limit only this way.
    - {name: GOMEMLIMIT, value: {{ include "taskpilot.goMemory" $root.Values.metricsExporter.resources.limits.memory }}}
  ports:
    - {name: metrics, containerPort: {{ $root.Values.metricsExporter.port }}}
    - {name: exporter-health, containerPort: 13133}
  startupProbe:
    httpGet: {path: /, port: exporter-health}
    periodSeconds: 1
    timeoutSeconds: 2
    failureThreshold: 60
  livenessProbe:
    httpGet: {path: /, port: exporter-health}
    periodSeconds: 10
    timeoutSeconds: 3
    failureThreshold: 3
  resources:
    {{- toYaml $root.Values.metricsExporter.resources | nindent 4 }}
  {{- include "taskpilot.containerSecurity" $root | nindent 2 }}
  volumeMounts:
    - {name: exporter, mountPath: /etc/otelcol, readOnly: true}
{{- end }}

{{/* Four fifths of a limit in Mi or Gi, as GOMEMLIMIT has it */}}
{{- define "taskpilot.goMemory" -}}
{{- if hasSuffix "Gi" . -}}
{{- div (mul (trimSuffix "Gi" . | float64 | mulf 1024 | int) 4) 5 -}}MiB
{{- else -}}
{{- div (mul (trimSuffix "Mi" . | int) 4) 5 -}}MiB
{{- end -}}
{{- end }}

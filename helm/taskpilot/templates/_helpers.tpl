{{/* Names, labels, images: what every template uses. The local sub-charts use them too. */}}

{{/* Of what sub-charts must find as well, so it knows no override. */}}
{{- define "taskpilot.release" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "taskpilot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "taskpilot" .Release.Name -}}
{{- include "taskpilot.release" . -}}
{{- else -}}
{{- printf "%s-taskpilot" (.Release.Name | trunc 30 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{/* (list root component): what selects pods. Never changes for an object, since it must not. */}}
{{- define "taskpilot.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: taskpilot
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list root component) */}}
{{- define "taskpilot.labels" -}}
{{- $root := index . 0 -}}
{{ include "taskpilot.selector" . }}
app.kubernetes.io/part-of: taskpilot
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $root.Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list root component name [annotations]): the metadata of an object; labels come last, so that a template may add some */}}
{{- define "taskpilot.metadata" -}}
{{- $root := index . 0 -}}
{{- $annotations := dict -}}
{{- if gt (len .) 3 }}{{ $annotations = index . 3 }}{{ end -}}
{{- $annotations = merge (dict) $annotations ($root.Values.global.commonAnnotations | default dict) -}}
name: {{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
labels:
  {{- include "taskpilot.labels" (list $root (index . 1)) | nindent 2 }}
{{- end }}

{{/* (list root image [default tag]) */}}
{{- define "taskpilot.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $root.Values.global.imageRegistry | default $image.registry -}}
{{- $tag := $image.tag | default $root.Chart.AppVersion -}}
{{- $version := ternary (printf "@%s" $image.digest) (printf ":%s" $tag) (ne "" ($image.digest | default "")) -}}
image: {{ printf "%s/%s%s" $registry $image.repository $version | quote }}
imagePullPolicy: {{ $image.pullPolicy | default "IfNotPresent" }}
{{- end }}

{{- define "taskpilot.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list uid): the security context of a pod; Pod Security "restricted", with the one below */}}
{{- define "taskpilot.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "taskpilot.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Where the secrets of this installation are: one of the operator's, or the chart's own. */}}
{{- define "taskpilot.secretName" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "taskpilot.fullname" .)) -}}
{{- end }}

{{- define "taskpilot.generatedSecret" -}}
{{- include "taskpilot.release" . }}-generated
{{- end }}

{{- define "taskpilot.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "taskpilot.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* Kubernetes 1.30 can sleep by itself. */}}
{{- define "taskpilot.canSleep" -}}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}true{{ end -}}
{{- end }}

{{/* Hooks run before all else of the release: bundled stores are not there yet, nor is a Secret that the release brings. */}}
{{- define "taskpilot.migrations" -}}
{{- $later := or .Values.stores.enabled .Values.secrets.externalSecret.enabled .Values.secrets.values -}}
{{- if and $later (eq .Values.migrations.mode "hook") }}init{{ else }}{{ .Values.migrations.mode }}{{ end -}}
{{- end }}

{{/* The bundled stores that somebody uses, by component, as JSON. */}}
{{- define "taskpilot.bundled" -}}
{{- $stores := list -}}
{{- if .Values.stores.enabled -}}
{{- $stores = append $stores "postgres" -}}
{{- if .Values.redis.enabled }}{{ $stores = append $stores "redis" }}{{ end -}}
{{- if or .Values.s3.enabled (and .Values.backup.enabled (not .Values.backup.s3.url)) }}{{ $stores = append $stores "objects" }}{{ end -}}
{{- end -}}
{{- toJson $stores -}}
{{- end }}

{{- define "taskpilot.s3Url" -}}
{{- .Values.stores.enabled | ternary (printf "http://%s-objects:8333" (include "taskpilot.release" .)) .Values.s3.url -}}
{{- end }}

{{/* Where pods send traces, empty for nowhere. */}}
{{- define "taskpilot.otlpEndpoint" -}}
{{- if .Values.telemetry.otlpEndpoint -}}
{{- .Values.telemetry.otlpEndpoint -}}
{{- else if .Values.observability.enabled -}}
http://{{ include "taskpilot.release" . }}-otel-collector:4317
{{- end -}}
{{- end }}

{{/* The Deployments of the server: a list of {name, component, roles, settings}. */}}
{{- define "taskpilot.servers" -}}
{{- $name := include "taskpilot.fullname" . -}}
{{- if eq .Values.topology "apart" -}}
servers:
  {{- range $role := list "gateway" "agents" }}
  - name: {{ $name }}-{{ $role }}
    component: {{ $role }}
    roles: {{ $role }}
    settings: {{ mergeOverwrite (deepCopy $.Values.server) (index $.Values $role) | toJson }}
  {{- end }}
{{- else -}}
servers:
  - name: {{ $name }}
    component: server
    roles: gateway,agents
    settings: {{ .Values.server | toJson }}
{{- end -}}
{{- end }}

{{/* Of the pods that serve clients. */}}
{{- define "taskpilot.frontComponent" -}}
{{- eq .Values.topology "apart" | ternary "gateway" "server" -}}
{{- end }}

{{- define "observability.name" -}}
{{- printf "%s-%s" (include "taskpilot.release" (index . 0)) (index . 1) -}}
{{- end }}

{{- define "observability.secret" -}}
{{- .Values.existingSecret | default (include "taskpilot.generatedSecret" .) -}}
{{- end }}

{{/* (list root component uid checksummed): a Deployment of one pod, up to the containers in its spec */}}
{{- define "observability.deployment" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "taskpilot.metadata" (list $root $component (include "observability.name" .)) | nindent 2 }}
spec:
  replicas: 1
  # Two of them would not share their data.
  strategy: {type: Recreate}
  selector:
    matchLabels:
      {{- include "taskpilot.selector" (list $root $component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "taskpilot.labels" (list $root $component) | nindent 8 }}
      {{- with index . 3 }}
      annotations:
        checksum/config: {{ sha256sum . }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "taskpilot.pullSecrets" $root | nindent 6 }}
      {{- include "taskpilot.podSecurity" (index . 2) | nindent 6 }}
{{- end }}

{{/* (list root component size): the volume "data" of a pod */}}
{{- define "observability.data" -}}
{{- $root := index . 0 -}}
- name: data
  {{- if $root.Values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ include "observability.name" . }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ index . 2 }}}
  {{- end }}
{{- end }}

{{/* (list root component size): the claim it is */}}
{{- define "observability.claim" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.persistence.enabled }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "taskpilot.metadata" (list $root (index . 1) (include "observability.name" .)) | nindent 2 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with $root.Values.persistence.storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ index . 2 }}}}
{{- end }}
{{- end }}

{{/* (list root component ports): ports are a dict of names */}}
{{- define "observability.service" -}}
{{- $root := index . 0 -}}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "taskpilot.metadata" (list $root (index . 1) (include "observability.name" .)) | nindent 2 }}
spec:
  selector:
    {{- include "taskpilot.selector" (list $root (index . 1)) | nindent 4 }}
  ports:
    {{- range $name, $port := index . 2 }}
    - {name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }}}
    {{- end }}
{{- end }}

{{/* (list root keys) */}}
{{- define "observability.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ include "observability.secret" (index . 0) }}
    defaultMode: 288 # 0440
    items:
      {{- range index . 1 }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{/* (list path port [path when ready]): the three probes of what answers when it is up */}}
{{- define "observability.probes" -}}
startupProbe:
  httpGet: {path: {{ index . 0 }}, port: {{ index . 1 }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 90
livenessProbe:
  httpGet: {path: {{ index . 0 }}, port: {{ index . 1 }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: {{ last . | eq (index . 1) | ternary (index . 0) (last .) }}, port: {{ index . 1 }}}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}

{{/* (list root text): the names that services have in compose, as they are here */}}
{{- define "observability.rename" -}}
{{- $here := printf "${1}%s-${2}:" (include "taskpilot.release" (index . 0)) -}}
{{- regexReplaceAll "(http://|[\"'])(prometheus|jaeger|tempo|elasticsearch|logstash|kibana):" (index . 1) $here -}}
{{- end }}

{{/* Grafana's data sources: those that are here, by the names that they have here. */}}
{{- define "observability.dataSources" -}}
{{- $all := include "observability.rename" (list . (.Files.Get "files/grafana/datasources/taskpilot.yaml")) | fromYaml -}}
{{- $here := list "prometheus" -}}
{{- if .Values.jaeger.enabled }}{{ $here = append $here "jaeger" }}{{ end -}}
{{- if .Values.tempo.enabled }}{{ $here = append $here "tempo" }}{{ end -}}
{{- if .Values.logs.enabled }}{{ $here = append $here "elasticsearch" }}{{ end -}}
{{- $sources := list -}}
{{- range $all.datasources }}{{ if has .type $here }}{{ $sources = append $sources . }}{{ end }}{{ end -}}
{{- $_ := set $all "datasources" $sources -}}
{{ toYaml $all }}
{{- end }}

{{/* What the collector sends traces to, as its configuration has it. */}}
{{- define "observability.traceExporters" -}}
{{- $exporters := list "file/backup" -}}
{{- if .Values.tempo.enabled }}{{ $exporters = prepend $exporters "otlp_grpc/tempo" }}{{ end -}}
{{- if .Values.jaeger.enabled }}{{ $exporters = prepend $exporters "otlp_grpc/jaeger" }}{{ end -}}
[{{ join ", " $exporters }}]
{{- end }}

{{/* docker/filebeat/filebeat.yml, for the logs as a node of Kubernetes has them */}}
{{- define "observability.filebeatConfig" -}}
{{- $config := include "observability.rename" (list . (.Files.Get "files/filebeat/filebeat.yml")) | fromYaml -}}
{{- $input := index $config "filebeat.inputs" 0 -}}
{{- $log := printf "/var/log/pods/%s_*/taskpilot/*.log" .Release.Namespace -}}
{{- /* What the kubelet rotated last is 0.log.20261125-101500; older ones are compressed. */ -}}
{{- $_ := set $input "paths" (list $log (printf "%s.????????-??????" $log)) -}}
{{- /* The path is that of the server's container: nothing is to be dropped. */ -}}
{{- $_ := unset $config "processors" -}}
{{- range $input.parsers -}}
{{- if hasKey . "container" }}{{ $_ := set . "container" (dict "stream" "all" "format" "cri") }}{{ end -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}

{{/* What the job that sets up the logs has, file by file. */}}
{{- define "observability.setupFiles" -}}
{{- $files := dict -}}
{{- range $path, $text := .Files.Glob "files/{elastic,init,kibana}/*" -}}
{{- $_ := set $files (base $path) ($text | toString | replace "14d" $.Values.logs.retention) -}}
{{- end -}}
{{- range $file, $text := $files }}
{{ $file }}: |
  {{- $text | nindent 2 }}
{{- end }}
{{- end }}

{{/* The template of its pod. */}}
{{- define "observability.setupPod" -}}
metadata:
  labels:
    {{- include "taskpilot.labels" (list . "logs-setup") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- include "taskpilot.pullSecrets" . | nindent 2 }}
  {{- include "taskpilot.podSecurity" 1000 | nindent 2 }}
  initContainers:
    {{- include "observability.setup" (list . "elasticsearch" 9200 "ELASTICSEARCH") | nindent 4 }}
  containers:
    {{- include "observability.setup" (list . "kibana" 5601 "KIBANA") | nindent 4 }}
  volumes:
    - name: files
      configMap: {name: {{ include "observability.name" (list . "logs-setup") }}}
    - name: tmp
      emptyDir: {sizeLimit: 16Mi}
    {{- include "observability.secretVolume" (list . (list "elastic" "kibana_system" "taskpilot_writer" "taskpilot_reader")) | nindent 4 }}
{{- end }}

{{/* (list root part port variable): one script of docker/init */}}
{{- define "observability.setup" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
- name: {{ $part }}
  {{- include "taskpilot.image" (list $root $root.Values.logs.elasticsearch.image) | nindent 2 }}
  command: [bash, /files/{{ $part }}]
  env:
    - {name: {{ index . 3 }}, value: "http://{{ include "observability.name" (list $root $part) }}:{{ index . 2 }}"}
    - {name: SECRETS, value: /run/elastic}
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 128Mi}
  {{- include "taskpilot.containerSecurity" $root | nindent 2 }}
  volumeMounts:
    # By these names the scripts know them.
    - {name: files, mountPath: /files, readOnly: true}
    - {name: files, mountPath: /elastic, readOnly: true}
    - {name: files, mountPath: /kibana, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    - {name: secrets, mountPath: /run/elastic, readOnly: true}
{{- end }}

{{/* Small objects that several templates make. */}}

{{/* (list root component name ports) */}}
{{- define "taskpilot.helperService" -}}
{{- $root := index . 0 -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "taskpilot.metadata" (list $root (index . 1) (index . 2)) | nindent 2 }}
spec:
  selector:
    {{- include "taskpilot.selector" (list $root (index . 1)) | nindent 4 }}
  ports:
    {{- range index . 3 }}
    - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }}}
    {{- end }}
{{- end }}

{{/* (list root component port): each pod of a part by itself, for its metrics. By its labels a monitor finds this Service alone. */}}
{{- define "taskpilot.podsService" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "taskpilot.metadata" (list $root (printf "%s-metrics" $component) (printf "%s-%s-pods" (include "taskpilot.fullname" $root) $component)) | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "taskpilot.selector" (list $root $component) | nindent 4 }}
  ports:
    - {name: metrics, port: {{ index . 2 }}, targetPort: {{ index . 2 }}}
{{- end }}

{{/* (list root component name port job): scrapes the pods of one Service; rules and dashboards know them by job, which may be empty */}}
{{- define "taskpilot.monitor" -}}
{{- $root := index . 0 -}}
{{- $job := index . 4 -}}
{{- $monitor := $root.Values.metrics.serviceMonitor -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "taskpilot.metadata" (list $root "metrics" (index . 2)) | nindent 2 }}
    {{- with $monitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "taskpilot.selector" (list $root (index . 1)) | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ $root.Release.Namespace }}]
  # Exemplars come in this form only.
  scrapeProtocols: [OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText0.0.4]
  endpoints:
    - port: {{ index . 3 }}
      path: /metrics
      interval: {{ $monitor.interval }}
      scrapeTimeout: {{ $monitor.scrapeTimeout }}
      honorLabels: {{ not $job }}
      {{- with $job }}
      relabelings: [{action: replace, targetLabel: job, replacement: {{ . }}}]
      {{- end }}
      {{- with $monitor.metricRelabelings }}
      metricRelabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}

{{/* (list root component name maxUnavailable) */}}
{{- define "taskpilot.pdb" -}}
{{- $root := index . 0 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "taskpilot.metadata" (list $root (index . 1) (index . 2)) | nindent 2 }}
spec:
  maxUnavailable: {{ index . 3 }}
  # A pod that is not ready serves nobody: it does not hold up the drain of its node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "taskpilot.selector" (list $root (index . 1)) | nindent 6 }}
{{- end }}

{{/* (list root component): over zones and nodes, as far as there are any */}}
{{- define "taskpilot.spread" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "taskpilot.selector" (list $root $component) | nindent 8 }}
  {{- end }}
{{- end }}

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

{{- define "stores.secret" -}}
{{- .Values.existingSecret | default (include "taskpilot.generatedSecret" .) -}}
{{- end }}

{{/* (list root keys): a volume with some keys of the secret */}}
{{- define "stores.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ include "stores.secret" (index . 0) }}
    defaultMode: 288 # 0440
    items:
      {{- range index . 1 }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{/* (list root size): the data of a StatefulSet, as its claim or, without persistence, as one of its volumes */}}
{{- define "stores.claim" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.persistence.enabled }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $root.Values.persistence.storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources: {requests: {storage: {{ index . 1 }}}}
{{- end }}
{{- end }}

{{- define "stores.scratchData" -}}
{{- $root := index . 0 -}}
{{- if not $root.Values.persistence.enabled }}
- name: data
  emptyDir: {sizeLimit: {{ index . 1 }}}
{{- end }}
{{- end }}

{{/* (list root component uid): what the pods of all stores begin with */}}
{{- define "stores.pod" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "taskpilot.pullSecrets" $root }}
{{ include "taskpilot.podSecurity" (index . 2) }}
{{- end }}

{{/* (list root component port name) */}}
{{- define "stores.service" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "taskpilot.metadata" (list $root $component (printf "%s-%s" (include "taskpilot.release" $root) $component)) | nindent 2 }}
spec:
  selector:
    {{- include "taskpilot.selector" (list $root $component) | nindent 4 }}
  ports:
    - {name: {{ index . 3 }}, port: {{ index . 2 }}, targetPort: {{ index . 3 }}}
{{- end }}

{{/* What jobs and init containers run with the server's image. */}}

{{/* (list root volumes): brings the schema up to date; any number may run at once */}}
{{- define "taskpilot.migrateContainer" -}}
{{- $root := index . 0 -}}
{{- $volumes := index . 1 -}}
- name: migrate
  {{- include "taskpilot.image" (list $root $root.Values.image) | nindent 2 }}
  args: [migrate]
  env:
    {{- include "taskpilot.commandEnv" $root | nindent 4 }}
    - {name: TASKPILOT_POSTGRES_URL_FILE, value: /run/secrets/taskpilot/postgres-url}
  resources:
    {{- toYaml $root.Values.migrations.resources | nindent 4 }}
  {{- include "taskpilot.containerSecurity" $root | nindent 2 }}
  volumeMounts:
    - {name: secrets, mountPath: /run/secrets/taskpilot, readOnly: true}
    - {name: {{ $volumes.tmp }}, mountPath: /tmp}
    - {name: {{ $volumes.data }}, mountPath: /var/lib/taskpilot}
{{- end }}

{{/* Of every command that reads the configuration. */}}
{{- define "taskpilot.commandEnv" -}}
- {name: TASKPILOT_CONF_DIR, value: /etc/taskpilot}
- {name: TASKPILOT_DATA_DIR, value: /var/lib/taskpilot}
- {name: TASKPILOT_LOG_FORMAT, value: {{ .Values.log.format }}}
- {name: TASKPILOT_LOG_LEVEL, value: {{ .Values.log.level }}}
- {name: OTEL_SDK_DISABLED, value: "true"}
{{- end }}

{{/* (list root component uid): the beginning of a job's pod; no ServiceAccount of the release, which hooks run before */}}
{{- define "taskpilot.jobPod" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
{{- include "taskpilot.pullSecrets" $root }}
{{ include "taskpilot.podSecurity" (index . 2) }}
{{- end }}

{{/* Scratch space of a command. */}}
{{- define "taskpilot.scratch" -}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
- name: data
  emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- define "taskpilot.testContainer" -}}
env:
  {{- include "taskpilot.commandEnv" . | nindent 2 }}
resources:
  requests: {cpu: 100m, memory: 256Mi}
  limits: {memory: 256Mi}
{{ include "taskpilot.containerSecurity" . }}
volumeMounts:
  - {name: secrets, mountPath: /run/secrets/taskpilot, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  - {name: data, mountPath: /var/lib/taskpilot}
{{- end }}

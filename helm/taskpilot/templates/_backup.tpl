{{/* Backup and restore: the same containers in either order. */}}

{{- define "taskpilot.backupUrl" -}}
{{- .Values.backup.s3.url | default (include "taskpilot.s3Url" .) -}}
{{- end }}

{{/* (list root name command...): runs a script with PostgreSQL's own tools */}}
{{- define "taskpilot.postgresTools" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  {{- include "taskpilot.image" (list $root $root.Values.backup.image) | nindent 2 }}
  command: [sh, /scripts/{{ index . 2 }}]
  env:
    - {name: POSTGRES_URL_FILE, value: /run/secrets/taskpilot/postgres-url}
    - {name: BACKUP_DIR, value: /backup}
  {{- include "taskpilot.backupContainer" $root | nindent 2 }}
{{- end }}

{{/* (list root name arguments): copies to or from the store */}}
{{- define "taskpilot.storeTools" -}}
{{- $root := index . 0 -}}
{{- $backup := $root.Values.backup -}}
- name: {{ index . 1 }}
  {{- include "taskpilot.image" (list $root $backup.rclone.image) | nindent 2 }}
  command: [sh, /scripts/s3.sh]
  args: {{ index . 2 }}
  env:
    - {name: S3_URL, value: {{ include "taskpilot.backupUrl" $root | quote }}}
    - {name: S3_REGION, value: {{ $backup.s3.region | quote }}}
    - {name: S3_BUCKET, value: {{ $backup.s3.bucket | quote }}}
    - {name: S3_ACCESS_KEY_FILE, value: /run/secrets/taskpilot/{{ $backup.s3.accessKey }}}
    - {name: S3_SECRET_KEY_FILE, value: /run/secrets/taskpilot/{{ $backup.s3.secretKey }}}
    - {name: BACKUP_DIR, value: /backup}
    - {name: KEEP_DAYS, value: {{ $backup.keepDays | quote }}}
    # Empty is the newest. Another: kubectl create job --from=..., with this changed; docs/operations/backup.md has the line.
    - {name: DUMP, value: ""}
  {{- include "taskpilot.backupContainer" $root | nindent 2 }}
{{- end }}

{{- define "taskpilot.backupContainer" -}}
resources:
  {{- toYaml .Values.backup.resources | nindent 2 }}
{{ include "taskpilot.containerSecurity" . }}
volumeMounts:
  - {name: scripts, mountPath: /scripts, readOnly: true}
  - {name: secrets, mountPath: /run/secrets/taskpilot, readOnly: true}
  - {name: backup, mountPath: /backup}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "taskpilot.backupVolumes" -}}
- name: scripts
  configMap: {name: {{ include "taskpilot.fullname" . }}-backup}
- name: backup
  emptyDir: {sizeLimit: {{ .Values.backup.size }}}
{{ include "taskpilot.secretsVolume" (list . (list "postgres-url" .Values.backup.s3.accessKey .Values.backup.s3.secretKey | concat .Values.secrets.extraKeys | uniq)) }}
{{ include "taskpilot.scratch" . }}
{{- end }}

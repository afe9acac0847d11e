{{/* The alert rules as the values have it: the objective of the latency, the names of the Deployments, whether backups are made here. */}}
{{- define "taskpilot.rules" -}}
{{- $rules := dict "groups" list -}}
{{- range $path, $text := .Files.Glob "files/rules/*.yaml" -}}
{{- if or $.Values.backup.enabled (ne (base $path) "backup.rules.yaml") -}}
{{- $_ := set $rules "groups" (concat $rules.groups ($text | toString | fromYaml).groups) -}}
{{- end -}}
{{- end -}}
{{- /* A bound as the server writes it: 0.25, 1.0 */ -}}
{{- $seconds := float64 .Values.slo.latencySeconds | toString -}}
{{- $bound := printf "le=\"%s%s\"" $seconds (contains "." $seconds | ternary "" ".0") -}}
{{- $names := list -}}
{{- range (include "taskpilot.servers" . | fromYaml).servers }}{{ $names = append $names .name }}{{ end -}}
{{- $servers := printf "namespace=%q,deployment=~%q" .Release.Namespace (join "|" $names) -}}
{{- range $rules.groups }}{{ range .rules -}}
{{- if contains "taskpilot-workflow-latency" (dig "labels" "sloth_id" "" .) }}{{ $_ := set . "expr" (replace "le=\"5.0\"" $bound .expr) }}{{ end -}}
{{- $_ := set . "expr" (replace "deployment=~\"(.+-)?taskpilot(-gateway|-agents)?\"" $servers .expr) -}}
{{- end }}{{ end -}}
{{ toYaml $rules }}
{{- end }}

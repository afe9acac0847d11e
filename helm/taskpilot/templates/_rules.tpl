{{/* The alert rules, with the objective of the latency as the values have it. */}}
{{- define "taskpilot.rules" -}}
{{- $rules := dict "groups" list -}}
{{- range $path, $text := .Files.Glob "files/rules/*.yaml" -}}
{{- $_ := set $rules "groups" (concat $rules.groups ($text | toString | fromYaml).groups) -}}
{{- end -}}
{{- $bound := printf "le=\"%.1f\"" (float64 .Values.slo.latencySeconds) -}}
{{- range $rules.groups }}{{ range .rules -}}
{{- if contains "taskpilot-workflow-latency" (dig "labels" "sloth_id" "" .) }}{{ $_ := set . "expr" (replace "le=\"5.0\"" $bound .expr) }}{{ end -}}
{{- end }}{{ end -}}
{{ toYaml $rules }}
{{- end }}

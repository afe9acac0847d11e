{{/* prometheus/prometheus.yml, with the names that services have here, and without what is not here. */}}
{{- define "taskpilot.prometheusConfig" -}}
{{- $config := .Files.Get "files/prometheus/prometheus.yml" | fromYaml -}}
{{- $release := include "taskpilot.release" . -}}
{{- $observability := .Values.observability -}}
{{- $away := list -}}
{{- if ne .Values.opa.mode "service" }}{{ $away = append $away "opa" }}{{ end -}}
{{- if ne .Values.guardrails.mode "service" }}{{ $away = append $away "guardrails" }}{{ end -}}
{{- range $part := list "jaeger" "grafana" "alertmanager" "tempo" -}}
{{- if not (dig $part "enabled" (ne $part "tempo") $observability) }}{{ $away = append $away $part }}{{ end -}}
{{- end -}}
{{- $jobs := list -}}
{{- range $config.scrape_configs -}}
{{- if not (has .job_name $away) -}}
{{- $job := . -}}
{{- range .dns_sd_configs }}{{ $_ := set . "names" (list (printf "%s-%s" $release (first .names))) }}{{ end -}}
{{- if eq .job_name "taskpilot" -}}
{{- range .dns_sd_configs -}}
{{- $_ := set . "names" (list (printf "%s-pods" $release)) -}}
{{- if $.Values.metricsExporter.enabled }}{{ $_ := set . "port" (int $.Values.metricsExporter.port) }}{{ end -}}
{{- end -}}
{{- if $.Values.metricsExporter.enabled -}}
{{- /* The exporter says up{job="taskpilot"} itself, of the server; Prometheus says so of the exporter. */ -}}
{{- $_ := set $job "honor_labels" true -}}
{{- $_ := set $job "job_name" "metrics-exporter" -}}
{{- end -}}
{{- else if eq .job_name "opa" -}}
{{- range .dns_sd_configs }}{{ $_ := set . "names" (list (printf "%s-opa-pods" (include "taskpilot.fullname" $))) }}{{ $_ := set . "port" 8282 }}{{ end -}}
{{- else if eq .job_name "guardrails" -}}
{{- range .dns_sd_configs }}{{ $_ := set . "names" (list (printf "%s-guardrails-pods" (include "taskpilot.fullname" $))) }}{{ $_ := set . "port" 8010 }}{{ end -}}
{{- end -}}
{{- $jobs = append $jobs $job -}}
{{- end -}}
{{- end -}}
{{- $_ := set $config "scrape_configs" $jobs -}}
{{- range $config.alerting.alertmanagers -}}
{{- range .dns_sd_configs }}{{ $_ := set . "names" (list (printf "%s-alertmanager" $release)) }}{{ end -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}

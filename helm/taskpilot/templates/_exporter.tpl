{{/* (list root drives): otel/metrics-exporter.yaml without what is not in the pod, whose scrapes would always fail */}}
{{- define "taskpilot.exporterConfig" -}}
{{- $root := index . 0 -}}
{{- $config := $root.Files.Get "files/otel/metrics-exporter.yaml" | fromYaml -}}
{{- $forward := include "taskpilot.otlpEndpoint" $root -}}
{{- $here := list "taskpilot" "metrics-exporter" -}}
{{- if eq $root.Values.opa.mode "sidecar" }}{{ $here = append $here "opa" }}{{ end -}}
{{- if and (eq $root.Values.guardrails.mode "sidecar") (index . 1) }}{{ $here = append $here "guardrails" }}{{ end -}}
{{- $scrapes := list -}}
{{- range $config.receivers.prometheus.config.scrape_configs -}}
{{- if has .job_name $here }}{{ $scrapes = append $scrapes . }}{{ end -}}
{{- end -}}
{{- $_ := set $config.receivers.prometheus.config "scrape_configs" $scrapes -}}
{{- if not $forward -}}
{{- $_ := unset $config.receivers "otlp" -}}
{{- $_ := unset $config.exporters "otlp_grpc" -}}
{{- $_ := unset $config.processors "batch" -}}
{{- $_ := unset $config.service.pipelines "traces" -}}
{{- else if hasPrefix "https:" $forward -}}
{{- $_ := set $config.exporters.otlp_grpc "tls" (dict "insecure" false) -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}

{{/* What the network policies allow outwards. */}}

{{/* (list root more): TCP ports of what is outside, as a list in JSON */}}
{{- define "taskpilot.outsidePorts" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $ports := concat $values.networkPolicy.egress.ports (index . 1) -}}
{{- if not $values.stores.enabled -}}
{{- $ports = append $ports 5432 -}}
{{- if $values.redis.enabled }}{{ $ports = append $ports 6379 }}{{ end -}}
{{- if $values.s3.enabled }}{{ $ports = append $ports (include "taskpilot.urlPort" $values.s3.url) }}{{ end -}}
{{- end -}}
{{- range $url := list $values.llm.baseUrl (eq $values.opa.mode "external" | ternary $values.opa.url "") $values.opa.bundle.url (eq $values.guardrails.mode "external" | ternary $values.guardrails.url "") $values.telemetry.otlpEndpoint $values.backup.s3.url -}}
{{- if $url }}{{ $ports = append $ports (include "taskpilot.urlPort" $url) }}{{ end -}}
{{- end -}}
{{- $rules := list -}}
{{- range $ports | uniq }}{{ $rules = append $rules (dict "protocol" "TCP" "port" (int .)) }}{{ end -}}
{{- $rules | uniq | toJson -}}
{{- end }}

{{- define "taskpilot.urlPort" -}}
{{- $host := (urlParse .).host -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- $port | default (hasPrefix "https" . | ternary "443" "80") -}}
{{- end }}

{{- define "taskpilot.outside" -}}
- to:
    {{- range .Values.networkPolicy.egress.cidrs }}
    - ipBlock: {cidr: {{ . }}, except: {{ toJson $.Values.networkPolicy.egress.except }}}
    {{- end }}
  ports: {{ include "taskpilot.outsidePorts" (list . list) }}
{{- end }}

{{/* (list root component): ports of another part of the release, in JSON; empty if it is not there */}}
{{- define "taskpilot.partnerPorts" -}}
{{- $values := (index . 0).Values -}}
{{- $component := index . 1 -}}
{{- if and (eq $component "opa") (eq $values.opa.mode "service") -}}
[{"protocol": "TCP", "port": 8181}]
{{- else if and (eq $component "guardrails") (eq $values.guardrails.mode "service") -}}
[{"protocol": "TCP", "port": 8010}]
{{- else if and (eq $component "otel-collector") $values.observability.enabled -}}
[{"protocol": "TCP", "port": 4317}, {"protocol": "TCP", "port": 4318}]
{{- else if $values.stores.enabled -}}
{{- if eq $component "postgres" -}}
[{"protocol": "TCP", "port": 5432}]
{{- else if and (eq $component "redis") $values.redis.enabled -}}
[{"protocol": "TCP", "port": 6379}]
{{- else if and (eq $component "objects") $values.s3.enabled -}}
[{"protocol": "TCP", "port": 8333}]
{{- end -}}
{{- end -}}
{{- end }}

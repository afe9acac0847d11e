{{/* What the network policies allow outwards. */}}

{{/* (list direction peers ports): a rule; none where there are no peers or no ports, since one without allows everything */}}
{{- define "taskpilot.rule" -}}
{{- if and (index . 1) (index . 2) -}}
- {{ index . 0 }}: {{ index . 1 | toJson }}
  ports: {{ index . 2 | toJson }}
{{- end -}}
{{- end }}

{{/* Outwards: to models, stores and all that is not of the release. */}}
{{- define "taskpilot.outside" -}}
{{- $egress := .Values.networkPolicy.egress -}}
{{- $peers := concat (include "taskpilot.ipBlocks" (list . $egress.cidrs) | fromJsonArray) $egress.peers -}}
{{- include "taskpilot.rule" (list "to" $peers (include "taskpilot.outsidePorts" . | fromJsonArray)) -}}
{{- end }}

{{- define "taskpilot.apiServer" -}}
{{- $server := .Values.networkPolicy.apiServer -}}
{{- $peers := include "taskpilot.ipBlocks" (list . $server.cidrs) | fromJsonArray -}}
{{- include "taskpilot.rule" (list "to" $peers (include "taskpilot.tcp" $server.ports | fromJsonArray)) -}}
{{- end }}

{{/* (list root port): who may scrape it, the bundled Prometheus too */}}
{{- define "taskpilot.scraped" -}}
{{- $root := index . 0 -}}
{{- $peers := $root.Values.networkPolicy.monitoringFrom -}}
{{- if $root.Values.observability.enabled -}}
{{- $labels := include "taskpilot.selector" (list $root "prometheus") | fromYaml -}}
{{- $peers = append $peers (dict "podSelector" (dict "matchLabels" $labels)) -}}
{{- end -}}
{{- include "taskpilot.rule" (list "from" $peers (list (dict "port" (index . 1)))) -}}
{{- end }}

{{/* (list root cidrs): peers in JSON, each without what is never reached. Kubernetes refuses an exception from elsewhere. */}}
{{- define "taskpilot.ipBlocks" -}}
{{- $root := index . 0 -}}
{{- $peers := list -}}
{{- range $cidr := index . 1 -}}
{{- $block := dict "cidr" $cidr -}}
{{- range $root.Values.networkPolicy.egress.except -}}
{{- if eq "true" (include "taskpilot.within" (list . $cidr)) -}}
{{- $_ := set $block "except" (append ($block.except | default list) .) -}}
{{- end -}}
{{- end -}}
{{- $peers = append $peers (dict "ipBlock" $block) -}}
{{- end -}}
{{- toJson $peers -}}
{{- end }}

{{/* (list inner outer): "true" if a network lies in another, or is the same */}}
{{- define "taskpilot.within" -}}
{{- $inner := index . 0 -}}
{{- $outer := index . 1 -}}
{{- $length := splitList "/" $outer | last | int -}}
{{- $family := eq (contains ":" $inner) (contains ":" $outer) -}}
{{- $beginning := include "taskpilot.bits" $outer | trunc $length -}}
{{- and $family (ge (splitList "/" $inner | last | int) $length) (hasPrefix $beginning (include "taskpilot.bits" $inner)) -}}
{{- end }}

{{/* The bits of an address, as text: those of a network begin all that is in it. */}}
{{- define "taskpilot.bits" -}}
{{- $address := splitList "/" . | first -}}
{{- if contains ":" $address -}}
{{- $bits := dict "0" "0000" "1" "0001" "2" "0010" "3" "0011" "4" "0100" "5" "0101" "6" "0110" "7" "0111" "8" "1000" "9" "1001" "a" "1010" "b" "1011" "c" "1100" "d" "1101" "e" "1110" "f" "1111" -}}
{{- $halves := splitList "::" $address -}}
{{- $groups := first $halves | splitList ":" | compact -}}
{{- if eq 2 (len $halves) -}}
{{- $rest := last $halves | splitList ":" | compact -}}
{{- range until (sub 8 (add (len $groups) (len $rest)) | max 0 | int) }}{{ $groups = append $groups "0" }}{{ end -}}
{{- $groups = concat $groups $rest -}}
{{- end -}}
{{- range $groups -}}
{{- range printf "%s%s" (repeat (sub 4 (len .) | max 0 | int) "0") (lower .) | splitList "" }}{{ get $bits . }}{{ end -}}
{{- end -}}
{{- else -}}
{{- range splitList "." $address }}{{ int . | printf "%08b" }}{{ end -}}
{{- end -}}
{{- end }}

{{/* TCP ports of what is outside, in JSON: as far as URLs say them, and those that are said to the chart */}}
{{- define "taskpilot.outsidePorts" -}}
{{- $values := .Values -}}
{{- $ports := $values.networkPolicy.egress.ports -}}
{{- if not $values.stores.enabled -}}
{{- $ports = append $ports $values.postgres.port -}}
{{- if $values.redis.enabled }}{{ $ports = append $ports $values.redis.port }}{{ end -}}
{{- if $values.s3.enabled }}{{ $ports = append $ports (include "taskpilot.urlPort" $values.s3.url) }}{{ end -}}
{{- end -}}
{{- $urls := list $values.llm.baseUrl (eq $values.opa.mode "external" | ternary $values.opa.url "") $values.opa.bundle.url (eq $values.guardrails.mode "external" | ternary $values.guardrails.url "") $values.telemetry.otlpEndpoint $values.backup.s3.url -}}
{{- $urls = append $urls (dig "approvals" "webhook" "url" "" $values.config) -}}
{{- range dig "tools" "webhooks" dict $values.config }}{{ $urls = append $urls (.url | default "") }}{{ end -}}
{{- range compact $urls }}{{ $ports = append $ports (include "taskpilot.urlPort" .) }}{{ end -}}
{{- include "taskpilot.tcp" $ports -}}
{{- end }}

{{/* Ports as a policy has them, in JSON, each once. */}}
{{- define "taskpilot.tcp" -}}
{{- $rules := list -}}
{{- range . }}{{ $rules = append $rules (dict "protocol" "TCP" "port" (int .)) }}{{ end -}}
{{- $rules | uniq | toJson -}}
{{- end }}

{{- define "taskpilot.urlPort" -}}
{{- $host := (urlParse .).host -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- $port | default (hasPrefix "https" . | ternary "443" "80") -}}
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

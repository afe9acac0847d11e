{{/* What a schema can't tell: values that do not go together. Every message names the mend. */}}
{{- define "taskpilot.validate" -}}
{{- $values := .Values -}}
{{- $messages := list -}}

{{- range $part := list "opa" "guardrails" -}}
{{- $of := index $values $part -}}
{{- if and (eq $of.mode "external") (not $of.url) -}}
{{- $messages = append $messages (printf "%s.mode external: %s.url is missing (expected: its address, as http://%s.example:8181)" $part $part $part) -}}
{{- end -}}
{{- if and (ne $of.mode "external") $of.url -}}
{{- $messages = append $messages (printf "%s.url: used with %s.mode external only, the mode is %s (expected: remove it, or change the mode)" $part $part $of.mode) -}}
{{- end -}}
{{- end -}}
{{- if gt (len (compact (list (ternary "policies" "" (gt (len $values.opa.policies) 0)) $values.opa.existingConfigMap $values.opa.bundle.url))) 1 -}}
{{- $messages = append $messages "opa.policies, opa.existingConfigMap, opa.bundle.url: more than one says where the policy is (expected: one of them)" -}}
{{- end -}}
{{- if and (or $values.opa.policies $values.opa.existingConfigMap $values.opa.bundle.url) (not (has $values.opa.mode (list "sidecar" "service"))) -}}
{{- $messages = append $messages (printf "opa.policies, opa.existingConfigMap, opa.bundle.url: nothing of the chart reads them with opa.mode %s (expected: sidecar or service)" $values.opa.mode) -}}
{{- end -}}
{{- if and $values.guardrails.config $values.guardrails.existingConfigMap -}}
{{- $messages = append $messages "guardrails.config and guardrails.existingConfigMap: both say what the rails are (expected: one of them)" -}}
{{- end -}}

{{- if and $values.httpRoute.enabled $values.ingress.enabled -}}
{{- $messages = append $messages "httpRoute.enabled and ingress.enabled: two ways in (expected: one of them)" -}}
{{- end -}}
{{- if and $values.httpRoute.enabled (not $values.httpRoute.parentRefs) -}}
{{- $messages = append $messages "httpRoute.parentRefs: missing (expected: the Gateway it hangs on, as [{name: public, namespace: gateways}])" -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) -}}
{{- $messages = append $messages "ingress.hosts: missing (expected: one host or more, as [tasks.example.com])" -}}
{{- end -}}

{{- $sources := compact (list $values.secrets.existingSecret (ternary "external" "" $values.secrets.externalSecret.enabled) (ternary "values" "" (gt (len $values.secrets.values) 0))) -}}
{{- if gt (len $sources) 1 -}}
{{- $messages = append $messages "secrets.existingSecret, secrets.externalSecret, secrets.values: more than one says where secrets are (expected: one of them)" -}}
{{- end -}}
{{- with $values.secrets.externalSecret -}}
{{- if and .enabled (not .secretStoreRef.name) -}}
{{- $messages = append $messages "secrets.externalSecret.secretStoreRef.name: missing (expected: the SecretStore that has them)" -}}
{{- end -}}
{{- if and .enabled (not .data) (not .dataFrom) -}}
{{- $messages = append $messages "secrets.externalSecret.data and dataFrom: both empty (expected: one of them, or nothing is fetched)" -}}
{{- end -}}
{{- end -}}
{{- $wanted := list -}}
{{- range concat (include "taskpilot.serverSecrets" . | fromJsonArray) ($values.tests.enabled | ternary (list "api-key") list) -}}
{{- if ne "true" (include "taskpilot.isGenerated" (list $ .)) }}{{ $wanted = append $wanted . }}{{ end -}}
{{- end -}}
{{- if and $wanted (not $sources) -}}
{{- $messages = append $messages (printf "secrets: no Secret has %s (expected: secrets.existingSecret or secrets.externalSecret; for a trial secrets.values)" (join ", " $wanted)) -}}
{{- end -}}
{{- if $values.secrets.values -}}
{{- range $wanted -}}
{{- if not (hasKey $values.secrets.values .) -}}
{{- $messages = append $messages (printf "secrets.values: %s is missing (expected: its value, or a Secret of yours in secrets.existingSecret)" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- range $part := list "stores" "observability" -}}
{{- $of := index $values $part -}}
{{- if and $of.enabled (not $values.keys.job.enabled) (not $of.existingSecret) -}}
{{- $messages = append $messages (printf "%s.existingSecret: nobody makes its passwords with keys.job.enabled false (expected: a Secret of yours that has them, or %s.enabled false)" $part $part) -}}
{{- end -}}
{{- end -}}
{{- if and $values.s3.enabled (not $values.stores.enabled) (not $values.s3.url) -}}
{{- $messages = append $messages "s3.url: missing (expected: the address of the store, or s3.enabled false; then traces stay files of one pod)" -}}
{{- end -}}
{{- if and $values.backup.enabled (not (include "taskpilot.backupUrl" .)) -}}
{{- $messages = append $messages "backup.s3.url: missing (expected: where dumps go, or s3.url)" -}}
{{- end -}}
{{- if and $values.s3.url $values.stores.enabled -}}
{{- $messages = append $messages "s3.url: not used with bundled stores (expected: remove it, or stores.enabled false)" -}}
{{- end -}}

{{- range $cidr := concat $values.networkPolicy.egress.cidrs $values.networkPolicy.apiServer.cidrs -}}
{{- range $values.networkPolicy.egress.except -}}
{{- if eq "true" (include "taskpilot.within" (list $cidr .)) -}}
{{- $messages = append $messages (printf "networkPolicy: %s is all within networkPolicy.egress.except (%s) (expected: one of them without it)" $cidr .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $owned := include "taskpilot.env" (list . "gateway,agents") | fromYamlArray -}}
{{- range $name := list "server" "gateway" "agents" -}}
{{- range (index $values $name).extraEnv -}}
{{- $one := .name -}}
{{- range $owned -}}
{{- if eq .name $one -}}
{{- $messages = append $messages (printf "%s.extraEnv: %s is set by the chart (expected: the value that is for it)" $name $one) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- range (include "taskpilot.servers" . | fromYaml).servers -}}
{{- $scale := .settings.autoscaling -}}
{{- if and $scale.enabled (gt (int $scale.minReplicas) (int $scale.maxReplicas)) -}}
{{- $messages = append $messages (printf "%s autoscaling: minReplicas %v is over maxReplicas %v (expected: not more)" .component $scale.minReplicas $scale.maxReplicas) -}}
{{- end -}}
{{- if and $scale.enabled (not (or $scale.targetCPU $scale.targetMemory $scale.targetActiveRuns)) -}}
{{- $messages = append $messages (printf "%s autoscaling: no target (expected: targetCPU, targetMemory or targetActiveRuns)" .component) -}}
{{- end -}}
{{- end -}}

{{- $needed := add $values.drain.preStopSeconds (max $values.drain.acceptSeconds $values.drain.graceSeconds) 15 -}}
{{- with $values.drain.terminationGracePeriodSeconds -}}
{{- if lt (int .) (int $needed) -}}
{{- $messages = append $messages (printf "drain.terminationGracePeriodSeconds: %v would cut off what drain waits for (expected: %d or more, or null)" . $needed) -}}
{{- end -}}
{{- end -}}

{{- with $values.metrics.serviceMonitor -}}
{{- if and .enabled (ge (include "taskpilot.seconds" .scrapeTimeout | int) (include "taskpilot.seconds" .interval | int)) -}}
{{- $messages = append $messages (printf "metrics.serviceMonitor.scrapeTimeout: %s is not shorter than the interval %s (expected: shorter; Prometheus refuses it)" .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}

{{- if or $values.metricsExporter.enabled $values.observability.enabled $values.metrics.serviceMonitor.enabled -}}
{{- range list "auth.metricsToken" "auth.metricsTokenFile" -}}
{{- if eq "true" (include "taskpilot.hasPath" (list $values.config .)) -}}
{{- $messages = append $messages (printf "config.%s: no scraper of the chart sends it (expected: remove it; networkPolicy.monitoringFrom says who reaches /metrics)" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $messages = concat $messages (include "taskpilot.validateConfig" . | fromJsonArray) (include "taskpilot.validateProduction" . | fromJsonArray) -}}
{{- if $messages -}}
{{- fail (printf "\n\nThese values can't be installed:\n  - %s\n" (join "\n  - " $messages)) -}}
{{- end -}}
{{- end }}

{{- define "taskpilot.seconds" -}}
{{- if hasSuffix "m" . }}{{ trimSuffix "m" . | int | mul 60 }}{{ else }}{{ trimSuffix "s" . | int }}{{ end -}}
{{- end }}

{{/* Messages about `config`, in JSON: what the chart decides itself would be silently overruled, and secrets do not go there. */}}
{{- define "taskpilot.validateConfig" -}}
{{- $messages := list -}}
{{- $owned := dict
  "environment" "environment" "dataDir" "" "confDir" "confFiles" "roles" "topology"
  "http.host" "service" "http.port" "service" "http.managementHost" "" "http.managementPort" "" "http.managementOnly" ""
  "auth.mode" "" "auth.keysFile" "the key keys.yaml of the Secret"
  "drain.accept" "drain.acceptSeconds" "drain.grace" "drain.graceSeconds"
  "postgres.poolSize" "postgres.poolSize" "s3.url" "s3.url" "s3.bucket" "s3.bucket" "s3.region" "s3.region"
  "llm.provider" "llm.provider" "llm.baseUrl" "llm.baseUrl" "llm.model" "llm.model"
  "opa.url" "opa.mode" "guardrails.url" "guardrails.mode" "log.level" "log.level" "log.format" "log.format" -}}
{{- $secrets := dict
  "auth.secret" "auth-secret" "postgres.url" "postgres-url" "redis.url" "redis-url" "s3.accessKey" "s3-access-key"
  "s3.secretKey" "s3-secret-key" "llm.apiKey" "openai-api-key" "decisions.chainKey" "decisions-chain-key" -}}
{{- range $path, $instead := $owned -}}
{{- if eq "true" (include "taskpilot.hasPath" (list $.Values.config $path)) -}}
{{- $messages = append $messages (printf "config.%s: decided by the chart (expected: %s)" $path ($instead | default "remove it")) -}}
{{- end -}}
{{- end -}}
{{- range $path, $key := $secrets -}}
{{- range list $path (printf "%sFile" $path) -}}
{{- if eq "true" (include "taskpilot.hasPath" (list $.Values.config .)) -}}
{{- $messages = append $messages (printf "config.%s: a secret has no place in a ConfigMap (expected: key %s of the Secret)" . $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $webhook := dig "tools" "webhooks" dict .Values.config -}}
{{- range list "secret" "previousSecret" -}}
{{- if hasKey $webhook . -}}
{{- $messages = append $messages (printf "config.tools.webhooks.%s.%s: a secret has no place in a ConfigMap (expected: %sFile, with its key in secrets.extraKeys)" $name . .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range list "secret" "previousSecret" -}}
{{- if hasKey (dig "approvals" "webhook" dict $.Values.config) . -}}
{{- $messages = append $messages (printf "config.approvals.webhook.%s: a secret has no place in a ConfigMap (expected: %sFile, with its key in secrets.extraKeys)" . .) -}}
{{- end -}}
{{- end -}}
{{- toJson $messages -}}
{{- end }}

{{/* (list dict "a.b"): "true" if it is there */}}
{{- define "taskpilot.hasPath" -}}
{{- $path := splitList "." (index . 1) -}}
{{- $in := index . 0 -}}
{{- if eq 1 (len $path) -}}
{{- hasKey $in (first $path) -}}
{{- else -}}
{{- $inner := get $in (first $path) -}}
{{- and (kindIs "map" $inner) (hasKey ($inner | default dict) (last $path)) -}}
{{- end -}}
{{- end }}

{{/* Messages in JSON: what production refuses. */}}
{{- define "taskpilot.validateProduction" -}}
{{- $values := .Values -}}
{{- $messages := list -}}
{{- if eq $values.profile "production" -}}
{{- if $values.stores.enabled -}}
{{- $messages = append $messages "stores.enabled: one pod each, no backup (expected: false, and postgres-url, redis-url and s3 of stores that last)" -}}
{{- end -}}
{{- if $values.secrets.values -}}
{{- $messages = append $messages "secrets.values: plain text in the release's history (expected: secrets.existingSecret or secrets.externalSecret)" -}}
{{- end -}}
{{- if eq $values.llm.provider "offline" -}}
{{- $messages = append $messages "llm.provider: offline has no intelligence (expected: openai, with openai-api-key or llm.baseUrl)" -}}
{{- end -}}
{{- if not $values.networkPolicy.enabled -}}
{{- $messages = append $messages "networkPolicy.enabled: false (expected: true)" -}}
{{- end -}}
{{- if not $values.decisions.chainKey -}}
{{- $messages = append $messages "decisions.chainKey: false lets who writes the database forge the log (expected: true)" -}}
{{- end -}}
{{- if eq $values.environment "development" -}}
{{- $messages = append $messages "environment: development (expected: its name, as production; policy and logs have it)" -}}
{{- end -}}
{{- range $name, $image := dict "image" $values.image "opa.image" $values.opa.image "guardrails.image" $values.guardrails.image "metricsExporter.image" $values.metricsExporter.image "backup.image" $values.backup.image "backup.rclone.image" $values.backup.rclone.image -}}
{{- if and (has $image.tag (list "latest" "main" "edge" "nightly")) (not $image.digest) -}}
{{- $messages = append $messages (printf "%s.tag: %s moves (expected: a version, or a digest)" $name $image.tag) -}}
{{- end -}}
{{- end -}}
{{- range (include "taskpilot.servers" . | fromYaml).servers -}}
{{- $least := .settings.autoscaling.enabled | ternary .settings.autoscaling.minReplicas .settings.replicas -}}
{{- if lt (int $least) 2 -}}
{{- $messages = append $messages (printf "%s: %v pod (expected: 2 or more, or each deployment is an outage)" .component $least) -}}
{{- end -}}
{{- end -}}
{{- with dig "grafana" "anonymous" false ($values.observability | default dict) -}}
{{- $messages = append $messages "observability.grafana.anonymous: true (expected: false)" -}}
{{- end -}}
{{- end -}}
{{- toJson $messages -}}
{{- end }}

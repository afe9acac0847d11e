{{/* Which secrets pods get as files, and from which Secret. */}}

{{/* (list root used): a volume "secrets" with the keys that are used, each from where it is kept */}}
{{- define "taskpilot.secretsVolume" -}}
{{- $root := index . 0 -}}
{{- $own := list -}}
{{- $generated := list -}}
{{- range index . 1 -}}
{{- if eq "true" (include "taskpilot.isGenerated" (list $root .)) }}{{ $generated = append $generated . }}{{ else }}{{ $own = append $own . }}{{ end -}}
{{- end -}}
- name: secrets
  projected:
    defaultMode: 288 # 0440
    sources:
      {{- with $generated }}
      - secret:
          name: {{ include "taskpilot.generatedSecret" $root }}
          items:
            {{- range . }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      {{- end }}
      {{- with $own }}
      - secret:
          name: {{ include "taskpilot.secretName" $root }}
          items:
            {{- range . }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      {{- end }}
{{- end }}

{{/* "true" if the passwords of bundled stores, and the URLs with them, are the job's to make */}}
{{- define "taskpilot.makesStorePasswords" -}}
{{- and .Values.keys.job.enabled .Values.stores.enabled (not (dig "existingSecret" "" .Values.stores)) -}}
{{- end }}

{{/* (list root key): "true" for what the job makes */}}
{{- define "taskpilot.isGenerated" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
{{- if has $key (list "auth-secret" "keys.yaml" "decisions-chain-key" "api-key") -}}
{{- $root.Values.keys.job.enabled -}}
{{- else if has $key (list "postgres-url" "redis-url" "s3-access-key" "s3-secret-key") -}}
{{- include "taskpilot.makesStorePasswords" $root -}}
{{- else -}}
false
{{- end -}}
{{- end }}

{{/* The keys that the server reads, as JSON. */}}
{{- define "taskpilot.serverSecrets" -}}
{{- $keys := list "auth-secret" "keys.yaml" "postgres-url" -}}
{{- if .Values.decisions.chainKey }}{{ $keys = append $keys "decisions-chain-key" }}{{ end -}}
{{- if .Values.redis.enabled }}{{ $keys = append $keys "redis-url" }}{{ end -}}
{{- if .Values.s3.enabled }}{{ $keys = concat $keys (list "s3-access-key" "s3-secret-key") }}{{ end -}}
{{- if and (eq .Values.llm.provider "openai") .Values.llm.apiKey }}{{ $keys = append $keys "openai-api-key" }}{{ end -}}
{{- concat $keys .Values.secrets.extraKeys | uniq | toJson -}}
{{- end }}

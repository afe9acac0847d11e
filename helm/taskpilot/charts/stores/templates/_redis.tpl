{{/* Included by the chart above, which knows whether it is wanted. */}}
{{- define "stores.redis" -}}
{{- $name := printf "%s-redis" (include "taskpilot.release" .) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "taskpilot.metadata" (list . "redis" $name) | nindent 2 }}
spec:
  replicas: 1
  selector:
    matchLabels:
      {{- include "taskpilot.selector" (list . "redis") | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "taskpilot.labels" (list . "redis") | nindent 8 }}
    spec:
      {{- include "stores.pod" (list . "redis" 10001) | nindent 6 }}
      containers:
        - name: redis
          {{- include "taskpilot.image" (list . .Values.redis.image) | nindent 10 }}
          # The password goes in by a file: arguments are seen by whoever lists processes.
          command:
            - sh
            - -euc
            - |
              {
                printf 'requirepass %s\n' "$(cat /run/secrets/stores/redis-password)"
                printf 'save ""\nappendonly no\ndir /tmp\nmaxmemory {{ .Values.redis.maxMemory }}\nmaxmemory-policy allkeys-lru\n'
              } >/tmp/valkey.conf
              exec valkey-server /tmp/valkey.conf
          ports:
            - {name: redis, containerPort: 6379}
          startupProbe:
            tcpSocket: {port: redis}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            tcpSocket: {port: redis}
            periodSeconds: 10
            timeoutSeconds: 3
          readinessProbe:
            tcpSocket: {port: redis}
            periodSeconds: 5
            timeoutSeconds: 3
          resources:
            {{- toYaml .Values.redis.resources | nindent 12 }}
          {{- include "taskpilot.containerSecurity" . | nindent 10 }}
          volumeMounts:
            - {name: secrets, mountPath: /run/secrets/stores, readOnly: true}
            - {name: tmp, mountPath: /tmp}
      volumes:
        {{- include "stores.secretVolume" (list . (list "redis-password")) | nindent 8 }}
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
---
{{ include "stores.service" (list . "redis" 6379 "redis") }}
{{- end }}

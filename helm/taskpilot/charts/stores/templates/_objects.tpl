{{/* Included by the chart above, which knows whether it is wanted. */}}
{{- define "stores.objects" -}}
{{- $name := printf "%s-objects" (include "taskpilot.release" .) -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "taskpilot.metadata" (list . "objects" $name) | nindent 2 }}
data:
  start.sh: |
    {{- .Files.Get "files/objects.sh" | nindent 4 }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "taskpilot.metadata" (list . "objects" $name) | nindent 2 }}
spec:
  serviceName: {{ $name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "taskpilot.selector" (list . "objects") | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "taskpilot.labels" (list . "objects") | nindent 8 }}
      annotations:
        checksum/start: {{ .Files.Get "files/objects.sh" | sha256sum }}
    spec:
      {{- include "stores.pod" (list . "objects" 10001) | nindent 6 }}
      containers:
        - name: objects
          {{- include "taskpilot.image" (list . .Values.objects.image) | nindent 10 }}
          command: [sh, /scripts/start.sh]
          env:
            - {name: BUCKETS, value: {{ join " " .Values.objects.buckets | quote }}}
            - {name: DATA, value: /data}
            - {name: SECRETS, value: /run/secrets/stores}
          ports:
            - {name: s3, containerPort: 8333}
          startupProbe:
            tcpSocket: {port: s3}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            tcpSocket: {port: s3}
            periodSeconds: 20
            timeoutSeconds: 3
          readinessProbe:
            tcpSocket: {port: s3}
            periodSeconds: 5
            timeoutSeconds: 3
          resources:
            {{- toYaml .Values.objects.resources | nindent 12 }}
          {{- include "taskpilot.containerSecurity" . | nindent 10 }}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: scripts, mountPath: /scripts, readOnly: true}
            - {name: secrets, mountPath: /run/secrets/stores, readOnly: true}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - name: scripts
          configMap: {name: {{ $name }}}
        {{- include "stores.secretVolume" (list . (list "s3-access-key" "s3-secret-key")) | nindent 8 }}
        {{- include "stores.scratchData" (list . .Values.objects.size) | nindent 8 }}
        - name: tmp
          emptyDir: {sizeLimit: 256Mi}
  {{- include "stores.claim" (list . .Values.objects.size) | nindent 2 }}
---
{{ include "stores.service" (list . "objects" 8333 "s3") }}
{{- end }}

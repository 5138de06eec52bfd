{{/* The pod, the same in the StatefulSet and the Deployment. */}}

{{- define "branchline.pod" -}}
metadata:
  labels:
    {{- include "branchline.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.podAnnotations .Values.recipes }}
  annotations:
    {{- if .Values.recipes }}
    # Recipes are read at the start: a change of them is a roll-out.
    checksum/recipes: {{ toJson .Values.recipes | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "branchline.serviceAccountName" . }}
  automountServiceAccountToken: false
  # One variable and more for each Service of the namespace; nothing here reads them.
  enableServiceLinks: false
  # Five seconds more than the service gives itself.
  terminationGracePeriodSeconds: {{ add .Values.shutdown.delaySeconds .Values.shutdown.graceSeconds 5 }}
  {{- if and .Values.gpu.enabled .Values.gpu.runtimeClassName }}
  runtimeClassName: {{ .Values.gpu.runtimeClassName }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- if eq .Values.models.source "download" }}
  initContainers:
    - name: models
      image: {{ include "branchline.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [node, --input-type=module, --eval]
      args:
        - |
          {{- .Files.Get "files/fetch-models.mjs" | nindent 10 }}
        - {{ .Values.models.download.url | quote }}
        - {{ .Values.models.download.sha256 | quote }}
        - /models
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      {{- include "branchline.containerSecurity" . | nindent 6 }}
      volumeMounts:
        - { name: models, mountPath: /models }
  {{- end }}
  containers:
    - name: branchline
      image: {{ include "branchline.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      ports:
        - { name: http, containerPort: 8080, protocol: TCP }
      env:
        {{- include "branchline.env" . | nindent 8 }}
      # Started: models are loaded, and every worker has answered the golden vectors.
      startupProbe:
        httpGet: { path: /health/ready, port: http }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 150
      # Ready: a capture would be judged now. A failing store is no reason to stay away.
      readinessProbe:
        httpGet: { path: /health/ready, port: http }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      # Live: the process answers at all. Busy or without workers it is not restarted: it mends that itself.
      livenessProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      resources:
        {{- include "branchline.resources" . | nindent 8 }}
      {{- include "branchline.containerSecurity" . | nindent 6 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        # Beside /tmp the only folder that can be written to, as in the image.
        - { name: store, mountPath: /var/lib/branchline }
        {{- if eq .Values.models.source "download" }}
        - { name: models, mountPath: /models, readOnly: true }
        {{- else if eq .Values.models.source "pvc" }}
        - name: models
          mountPath: /models
          readOnly: true
          {{- with .Values.models.pvc.subPath }}
          subPath: {{ . | quote }}
          {{- end }}
        {{- end }}
        {{- if .Values.keys.existingSecret }}
        # The whole folder: a file mounted alone would not follow its Secret.
        - { name: keys, mountPath: /etc/branchline-keys, readOnly: true }
        {{- end }}
        {{- if and (eq .Values.store.type "redis") (include "branchline.redisFiles" .) }}
        - { name: redis-tls, mountPath: /etc/branchline-redis, readOnly: true }
        {{- end }}
        {{- if .Values.tokens.existingConfigMap }}
        - { name: tokens, mountPath: /etc/branchline-tokens, readOnly: true }
        {{- end }}
        {{- if .Values.recipes }}
        - { name: recipes, mountPath: /etc/branchline, readOnly: true }
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- if eq .Values.store.type "redis" }}
    - name: store
      emptyDir: { sizeLimit: {{ .Values.store.redis.spoolSize }} }
    {{- with include "branchline.redisFiles" . }}
    - name: redis-tls
      secret:
        secretName: {{ $.Values.store.redis.existingSecret }}
        items:
          {{- . | nindent 10 }}
    {{- end }}
    {{- end }}
    {{- if eq .Values.models.source "download" }}
    - name: models
      emptyDir: { sizeLimit: {{ .Values.models.download.sizeLimit }} }
    {{- else if eq .Values.models.source "pvc" }}
    - name: models
      persistentVolumeClaim: { claimName: {{ .Values.models.pvc.claimName }}, readOnly: true }
    {{- end }}
    {{- with .Values.keys.existingSecret }}
    - name: keys
      secret: { secretName: {{ . }} }
    {{- end }}
    {{- with .Values.tokens.existingConfigMap }}
    - name: tokens
      configMap: { name: {{ . }} }
    {{- end }}
    {{- if .Values.recipes }}
    - name: recipes
      configMap: { name: {{ include "branchline.fullname" . }}-recipes }
    {{- end }}
  {{- if eq .Values.store.type "redis" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "branchline.selectorLabels" . | nindent 10 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "branchline.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Of the Secret, what TLS to Redis needs as files. */}}
{{- define "branchline.redisFiles" -}}
{{- with .Values.store.redis }}
{{- if .caKey }}
- { key: {{ .caKey }}, path: ca.pem }
{{- end }}
{{- if .certKey }}
- { key: {{ .certKey }}, path: cert.pem }
- { key: {{ .keyKey }}, path: key.pem }
{{- end }}
{{- end }}
{{- end }}

{{- define "branchline.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- if .Values.gpu.enabled }}
{{- $gpu := dict .Values.gpu.resourceName .Values.gpu.count }}
{{- $_ := set $resources "limits" (merge $gpu ($resources.limits | default dict)) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- define "branchline.env" -}}
- { name: HOST, value: 0.0.0.0 }
- { name: PORT, value: '8080' }
{{- if .Values.keys.existingSecret }}
- { name: API_KEYS_FILE, value: {{ printf "/etc/branchline-keys/%s" .Values.keys.key }} }
{{- else if not .Values.tokens.existingConfigMap }}
# The network policy is all that stands before it.
- { name: ALLOW_UNAUTHENTICATED, value: 'true' }
{{- end }}
{{- with .Values.tokens }}
{{- if .existingConfigMap }}
- { name: JWT_JWKS_FILE, value: {{ printf "/etc/branchline-tokens/%s" .key }} }
- { name: JWT_ISSUER, value: {{ .issuer | quote }} }
- { name: JWT_AUDIENCE, value: {{ .audience | quote }} }
- { name: JWT_SCOPES_CLAIM, value: {{ .scopesClaim | quote }} }
- { name: JWT_LINES_CLAIM, value: {{ .linesClaim | quote }} }
{{- end }}
{{- end }}
- { name: MODELS_DIR, value: {{ include "branchline.modelsDir" . }} }
{{- with .Values.models.include }}
- { name: MODELS, value: {{ join "," . | quote }} }
{{- end }}
{{- with .Values.models.default }}
- { name: DEFAULT_MODEL, value: {{ . | quote }} }
{{- end }}
{{- if .Values.recipes }}
- { name: RECIPES_FILE, value: /etc/branchline/recipes.json }
{{- end }}
{{- if eq .Values.store.type "redis" }}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.store.redis.existingSecret }}
      key: {{ .Values.store.redis.key }}
{{- with .Values.store.redis.sentinelPasswordKey }}
- name: REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.store.redis.existingSecret }}
      key: {{ . }}
{{- end }}
{{- if .Values.store.redis.caKey }}
- { name: REDIS_CA_FILE, value: /etc/branchline-redis/ca.pem }
{{- end }}
{{- if .Values.store.redis.certKey }}
- { name: REDIS_TLS_CERT_FILE, value: /etc/branchline-redis/cert.pem }
- { name: REDIS_TLS_KEY_FILE, value: /etc/branchline-redis/key.pem }
{{- end }}
- { name: SPOOL_PATH, value: /var/lib/branchline/spool }
{{- end }}
- { name: STORE_PATH, value: /var/lib/branchline/store }
{{- with .Values.mqtt.existingSecret }}
- name: MQTT_URL
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.mqtt.key }}
{{- end }}
{{- if .Values.gpu.enabled }}
- { name: WORKERS, value: {{ .Values.gpu.workers | quote }} }
- { name: EXECUTION_PROVIDERS, value: {{ .Values.gpu.provider | quote }} }
{{- else }}
- { name: WORKERS, value: {{ .Values.workers | quote }} }
{{- end }}
- { name: SHUTDOWN_DELAY_MS, value: {{ mul .Values.shutdown.delaySeconds 1000 | quote }} }
- { name: SHUTDOWN_GRACE_MS, value: {{ mul .Values.shutdown.graceSeconds 1000 | quote }} }
{{- with .Values.monitoring.lines }}
- { name: METRICS_LINES, value: {{ join "," . | quote }} }
{{- end }}
{{- if .Values.monitoring.triton }}
- { name: TRITON_METRICS, value: 'true' }
{{- end }}
{{- range $name, $value := .Values.config }}
- { name: {{ $name }}, value: {{ include "branchline.plain" $value | quote }} }
{{- end }}
{{- end }}

{{/* Helm reads numbers as floats, and 1000000 would become 1e+06. */}}
{{- define "branchline.plain" -}}
{{- if kindIs "float64" . }}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else }}{{ . }}{{ end }}
{{- end }}

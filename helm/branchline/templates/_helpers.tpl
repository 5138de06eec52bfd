{{/* Names, labels, and the mistakes that no schema can see. */}}

{{- define "branchline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "branchline.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "branchline.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "branchline.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "branchline.selectorLabels" -}}
app.kubernetes.io/name: {{ include "branchline.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "branchline.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "branchline.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "branchline.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "branchline.fullname" .) }}
{{- end }}

{{- define "branchline.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- $tag := printf "%s%s" .Chart.AppVersion (ternary "-cuda" "" .Values.gpu.enabled) }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default $tag) }}
{{- end }}
{{- end }}

{{- define "branchline.autoscaled" -}}
{{- if or .Values.autoscaling.hpa.enabled .Values.autoscaling.keda.enabled }}true{{ end }}
{{- end }}

{{/* Where the models lie: those of the image beside its program. */}}
{{- define "branchline.modelsDir" -}}
{{- if eq .Values.models.source "image" }}/app/models{{ else }}/models{{ end }}
{{- end }}

{{- define "branchline.checks" -}}
{{- if not (or .Values.keys.existingSecret .Values.tokens.existingConfigMap .Values.keys.allowUnauthenticated) }}
{{- fail "keys: name the Secret of API keys in keys.existingSecret, or set keys.allowUnauthenticated to true where whoever reaches the service may do everything" }}
{{- end }}
{{- if and .Values.tokens.existingConfigMap (not (and .Values.tokens.issuer .Values.tokens.audience)) }}
{{- fail "tokens: set issuer and audience too; tokens that the provider made for others are not for this service" }}
{{- end }}
{{- if eq .Values.store.type "embedded" }}
{{- if gt (int .Values.replicas) 1 }}
{{- fail "replicas: an embedded store belongs to one process; set store.type to redis for more than one" }}
{{- end }}
{{- if include "branchline.autoscaled" . }}
{{- fail "autoscaling: an embedded store belongs to one process; set store.type to redis" }}
{{- end }}
{{- else if not .Values.store.redis.existingSecret }}
{{- fail "store.redis.existingSecret: name the Secret that holds the URL of Redis" }}
{{- else if ne (empty .Values.store.redis.certKey) (empty .Values.store.redis.keyKey) }}
{{- fail "store.redis: set certKey and keyKey, or neither" }}
{{- end }}
{{- if and .Values.autoscaling.hpa.enabled .Values.autoscaling.keda.enabled }}
{{- fail "autoscaling: hpa and keda would pull at the same replicas; enable one" }}
{{- end }}
{{- if lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas) }}
{{- fail "autoscaling.maxReplicas: must not be below minReplicas" }}
{{- end }}
{{- if and (eq .Values.models.source "pvc") (not .Values.models.pvc.claimName) }}
{{- fail "models.pvc.claimName: name the claim that holds the models" }}
{{- end }}
{{- if eq .Values.models.source "download" }}
{{- if or (not .Values.models.download.url) (not .Values.models.download.sha256) }}
{{- fail "models.download: url and sha256 of the archive are both needed" }}
{{- end }}
{{- end }}
{{- end }}

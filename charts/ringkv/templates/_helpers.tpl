{{- define "ringkv.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ringkv.selectorLabels" -}}
app.kubernetes.io/name: ringkv
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end -}}

{{- define "ringkv.labels" -}}
{{ include "ringkv.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "ringkv.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "ringkv.fullname" .) -}}
{{- end -}}

{{- define "ringkv.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- /* Resources of the operator's role that belong to no namespace. */ -}}
{{- define "ringkv.clusterScoped" -}}
nodes storageclasses
{{- end -}}

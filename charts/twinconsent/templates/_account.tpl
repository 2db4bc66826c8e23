{{/*
How the account comes, which is in one of three forms.

Helm maps every kind of a revision before it creates the first object, so the revision that brings the definition cannot hold an
object of it. There, the account comes as a hook, after the definitions: `first`.

Every other revision holds the account as an object like any other, and takes over what a hook or an earlier release has left, whose
label and annotations say whose it is: `object`. It is not a hook in each revision, because Helm deletes a hook's object before it
creates it anew, and consents would lose their account at each upgrade.

Helm compares a revision with the one before it, not with the cluster, and therefore does not change an object that it takes over.
If the values have changed in that same revision, it comes as a hook that makes it anew: `anew`. That it is held is remembered by an
annotation of the Service, which every revision has.
*/}}
{{- define "twinconsent.account.form" -}}
{{- if not (.Capabilities.APIVersions.Has "twinconsent.io/v1alpha1/ClusterHeyGenAccount") -}}
first
{{- else -}}
{{- $live := lookup "twinconsent.io/v1alpha1" "ClusterHeyGenAccount" "" .Values.account.name | default dict -}}
{{- $marks := (($live).metadata).annotations | default dict -}}
{{- $isOurs := and (eq (index $marks "meta.helm.sh/release-name" | default "") .Release.Name) (eq (index $marks "meta.helm.sh/release-namespace" | default "") .Release.Namespace) -}}
{{- $service := lookup "v1" "Service" .Release.Namespace (include "twinconsent.fullname" .) | default dict -}}
{{- $isHeld := eq (index ((($service).metadata).annotations | default dict) "twinconsent.io/holds-account" | default "") .Values.account.name -}}
{{- $isAsWanted := eq (toJson ($live).spec) (include "twinconsent.account.spec" . | fromYaml | toJson) -}}
{{- if and $isOurs (not $isHeld) (not $isAsWanted) }}anew{{ else }}object{{ end -}}
{{- end -}}
{{- end }}

{{- define "twinconsent.account.spec" -}}
apiKeySecretRef:
  name: {{ include "twinconsent.account.secretName" . | quote }}
  key: {{ include "twinconsent.account.secretKey" . | quote }}
{{- if .Values.simulator.enabled }}
{{- /* This account's alone: what others ask, real people answer. */}}
baseURL: http://{{ include "twinconsent.simulator.host" . }}:8090
{{- end }}
{{- with .Values.account.auth }}
auth: {{ . }}
{{- end }}
{{- if .Values.account.suspend }}
suspend: true
{{- end }}
{{- with .Values.account.rateLimit }}
rateLimit:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $polling := .Values.account.polling }}
{{- if and .Values.simulator.enabled (not $polling) }}
{{- /* Nobody who tries things out wants to wait a minute. */}}
{{- $polling = dict "interval" "2s" "minimum" "1s" }}
{{- end }}
{{- with $polling }}
polling:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.account.linkLifetime }}
linkLifetime: {{ . }}
{{- end }}
{{- with .Values.account.consentPolicy }}
consentPolicy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- /* Other namespaces may have an operator of their own, which reads the Secret in its own namespace. */}}
{{- $allowed := .Values.account.allowedNamespaces }}
{{- with default .Values.watch.namespaces .Values.rbac.scopedNamespaces }}
{{- $allowed = default (dict "names" .) $allowed }}
{{- end }}
{{- with $allowed }}
allowedNamespaces:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

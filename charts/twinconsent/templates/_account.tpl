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

`suspend` is written only when it is true. An absent field belongs to the user who patches it: Helm 3 compares revisions, and Helm 4 applies
the fields that it names. A false one would take back what a user has stopped in a hurry.
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
{{- $wanted := include "twinconsent.account.spec" . | fromYaml -}}
{{- /* Where the values leave it alone, `suspend` is as it was set by hand. */ -}}
{{- $isAsWanted := eq (omit (default dict ($live).spec) "suspend" | toJson) (omit $wanted "suspend" | toJson) -}}
{{- if and $isAsWanted .Values.account.suspend -}}
{{- $isAsWanted = eq (toString (($live).spec).suspend) "true" -}}
{{- end -}}
{{- $isSuspended := eq (toString (($live).spec).suspend) "true" -}}
{{- $isResumed := eq (toString (($live).spec).suspend) "false" -}}
{{- if and $isOurs .Values.account.suspend $isResumed -}}
{{- fail (printf "account.suspend: it is true, but somebody has resumed the account by hand; set it to false here, or suspend the account by hand, too: kubectl patch clusterheygenaccount %s --type=merge -p '{\"spec\":{\"suspend\":true}}'" .Values.account.name) -}}
{{- end -}}
{{- if and $isOurs (not $isHeld) (not $isAsWanted) -}}
{{- /* The API server tells which manager has set a field: a hook of this release, perhaps. */ -}}
{{- $hands := list -}}
{{- range ((($live).metadata).managedFields) -}}
{{- if hasKey (dig "fieldsV1" "f:spec" dict .) "f:suspend" -}}
{{- $hands = append $hands (hasPrefix "helm" .manager | ternary "helm" "another") -}}
{{- end -}}
{{- end -}}
{{- if and $isSuspended (not .Values.account.suspend) (ne (uniq $hands | join " ") "helm") -}}
{{- fail "account.suspend: the account is suspended by hand, and would be resumed, because this revision has to make it anew with its new values; set account.suspend to true here, or resume the account first" -}}
{{- end -}}
anew
{{- else -}}
object
{{- end -}}
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
{{- /* A user who tries things out does not want to wait a minute. */}}
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
{{- with .Values.account.notifications }}
notifications:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

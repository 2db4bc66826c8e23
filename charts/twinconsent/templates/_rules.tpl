{{/*
What the operator asks of Kubernetes, once for all kinds of roles. A test compares it with docs/rbac.md, and the end-to-end tests
compare it with what the API server was really asked.
*/}}

{{/* Where it watches. */}}
{{- define "twinconsent.rules.watched" -}}
# The requests. They are read one by one when a status could not be written because the object had changed.
- apiGroups: [twinconsent.io]
  resources: [digitaltwinconsents]
  verbs: [get, list, watch]
- apiGroups: [twinconsent.io]
  resources: [heygenaccounts]
  verbs: [list, watch]
# The answers.
- apiGroups: [twinconsent.io]
  resources: [digitaltwinconsents/status, heygenaccounts/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.rbac.linkSecrets }}
# Keys of HeyGenAccounts, and links in Secrets: by name, never listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
{{- else if .Values.rbac.namespacedAccounts }}
# Keys of HeyGenAccounts: by name, never listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}

{{/* In the cluster, wherever it watches. */}}
{{- define "twinconsent.rules.cluster" -}}
{{ if include "twinconsent.watchedNamespaces" . -}}
# Those that consents name, and those of `watch.clusterAccounts`.
- apiGroups: [twinconsent.io]
  resources: [clusterheygenaccounts]
  verbs: [get]
{{- else -}}
- apiGroups: [twinconsent.io]
  resources: [clusterheygenaccounts]
  verbs: [list, watch]
{{- end }}
- apiGroups: [twinconsent.io]
  resources: [clusterheygenaccounts/status]
  verbs: [patch]
# The labels of a consent's namespace, for allowedNamespaces.selector.
- apiGroups: [""]
  resources: [namespaces]
  {{- with .Values.rbac.scopedNamespaces }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get]
{{- end }}

{{/* In the operator's own namespace. */}}
{{- define "twinconsent.rules.own" -}}
# Keys of ClusterHeyGenAccounts: by name, never listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- if and .Values.returnPage.enabled (not .Values.returnPage.existingSecret.name) }}
# The key of the return page's addresses, where there is none. A name cannot be asked for at creation.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- end }}
{{- if .Values.leaderElection.enabled }}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "twinconsent.fullname" . | quote }}]
  verbs: [get, update]
# A name cannot be asked for at creation.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
{{- end }}
{{- end }}

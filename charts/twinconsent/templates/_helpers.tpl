{{/* The chart's name, which a parent chart may have changed to what no label could be. */}}
{{- define "twinconsent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimAll "-_" | default "twinconsent" }}
{{- end }}

{{/*
The name of the release's objects: valid for each of them, and distinct for every name of a release.

A release whose name holds the chart's has its own name, unless it ends as the names of all the others do. What no Service could be
called (it has neither dots nor a digit at the front), what is too long, and what ends like a name that is made here gets a digest.
50 characters leave room for suffixes such as -return-page.
*/}}
{{- define "twinconsent.fullname" -}}
{{- $name := include "twinconsent.name" . }}
{{- $plain := printf "%s-%s" .Release.Name $name }}
{{- if and (contains $name .Release.Name) (not (hasSuffix (printf "-%s" $name) .Release.Name)) }}
{{- $plain = .Release.Name }}
{{- end }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if and (regexMatch "^[a-z][-a-z0-9]{0,48}[a-z0-9]$" $plain) (not (regexMatch "-(ca|heygen|helm-test|return-page|simulator|[0-9a-f]{10})$" $plain)) }}
{{- $plain }}
{{- else }}
{{- $start := regexReplaceAll "[^-a-z0-9]" (lower $plain) "-" }}
{{- if not (regexMatch "^[a-z]" $start) }}
{{- $start = printf "r-%s" $start }}
{{- end }}
{{- printf "%s-%s" (trunc 39 $start) (sha256sum $plain | trunc 10) }}
{{- end }}
{{- end }}

{{/*
The name of what stands outside the release's namespace, where a release of the same name in another namespace has its own.
Those of roles and bindings may hold a colon, which no name of a release or namespace does.
*/}}
{{- define "twinconsent.clusterName" -}}
{{ include "twinconsent.fullname" . }}:{{ .Release.Namespace }}
{{- end }}

{{/* The same for an admission policy, whose name may hold a dot, which these names do not either, but no colon. */}}
{{- define "twinconsent.keepWithdrawals.name" -}}
{{ include "twinconsent.fullname" . }}-keep-withdrawals.{{ .Release.Namespace }}
{{- end }}

{{- define "twinconsent.simulator.fullname" -}}
{{ include "twinconsent.fullname" . }}-simulator
{{- end }}

{{/*
The labels that select the operator's pods; they can never change.

`app.kubernetes.io/instance` is not among them: Argo CD, where it tracks by labels, writes the Application's name there, which need
not be the release's. It does so on every object, so a ServiceMonitor would no longer find its Service.
*/}}
{{- define "twinconsent.selectorLabels" -}}
app.kubernetes.io/name: {{ include "twinconsent.name" . | quote }}
app.kubernetes.io/component: operator
twinconsent.io/release: {{ include "twinconsent.fullname" . | quote }}
{{- end }}

{{- define "twinconsent.simulator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "twinconsent.name" . | quote }}
app.kubernetes.io/component: simulator
twinconsent.io/release: {{ include "twinconsent.fullname" . | quote }}
{{- end }}

{{/* Labels or annotations out of several maps, as one with each key once: of two values the later one is taken. */}}
{{- define "twinconsent.merged" -}}
{{- $all := dict }}
{{- range . }}
{{- range $key, $value := . }}
{{- $_ := set $all $key $value }}
{{- end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* Of an object of `helm test`, with its place in the order. */}}
{{- define "twinconsent.test.annotations" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* The avatar group of `helm test`, whose person the simulator plays. */}}
{{- define "twinconsent.test.group" -}}
twinconsent-helm-test
{{- end }}

{{/* The name of what is there for the return page alone, but for its Secret, which the values may name. */}}
{{- define "twinconsent.returnPage.fullname" -}}
{{ include "twinconsent.fullname" . }}-return-page
{{- end }}

{{- define "twinconsent.returnPage.secretName" -}}
{{- default (include "twinconsent.returnPage.fullname" .) .Values.returnPage.existingSecret.name }}
{{- end }}

{{/* Of its Service, Ingress and HTTPRoute: what selects the metrics' Service does not select this one. */}}
{{- define "twinconsent.returnPage.selectorLabels" -}}
app.kubernetes.io/name: {{ include "twinconsent.name" . | quote }}
app.kubernetes.io/component: return-page
twinconsent.io/release: {{ include "twinconsent.fullname" . | quote }}
{{- end }}

{{- define "twinconsent.returnPage.labels" -}}
{{ include "twinconsent.allLabels" (list . "twinconsent.returnPage.selectorLabels" dict) }}
{{- end }}

{{/* Host and path of its public address; an IPv6 address stays in its brackets. */}}
{{- define "twinconsent.returnPage.host" -}}
{{ regexReplaceAll `^https?://(\[[^]]*\]|[^:/]*).*$` .Values.returnPage.url "${1}" }}
{{- end }}

{{- define "twinconsent.returnPage.path" -}}
{{ regexReplaceAll "^https?://[^/]*" .Values.returnPage.url "" | trimSuffix "/" | default "/" }}
{{- end }}

{{/* The pod of `helm test` is neither the operator's nor the simulator's. */}}
{{- define "twinconsent.test.selectorLabels" -}}
app.kubernetes.io/name: {{ include "twinconsent.name" . | quote }}
app.kubernetes.io/component: test
twinconsent.io/release: {{ include "twinconsent.fullname" . | quote }}
{{- end }}

{{- define "twinconsent.test.labels" -}}
{{ include "twinconsent.allLabels" (list . "twinconsent.test.selectorLabels" dict) }}
{{- end }}

{{/*
All labels of an object: give it (list . SELECTORS MORE). What is asked for goes before what the chart says of itself, and what
selects before everything; validate.yaml refuses values that would try to set it.
*/}}
{{- define "twinconsent.allLabels" -}}
{{- $root := index . 0 }}
{{- $own := dict "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- $_ := set $own "app.kubernetes.io/instance" $root.Release.Name }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_.") }}
{{- include "twinconsent.merged" (list $own $root.Values.commonLabels (index . 2) (include (index . 1) $root | fromYaml)) }}
{{- end }}

{{- define "twinconsent.labels" -}}
{{ include "twinconsent.allLabels" (list . "twinconsent.selectorLabels" dict) }}
{{- end }}

{{/* The same with more of them: give it (list . MORE). */}}
{{- define "twinconsent.labelsAnd" -}}
{{ include "twinconsent.allLabels" (list (first .) "twinconsent.selectorLabels" (last .)) }}
{{- end }}

{{- define "twinconsent.simulator.labels" -}}
{{ include "twinconsent.allLabels" (list . "twinconsent.simulator.selectorLabels" dict) }}
{{- end }}

{{/* The reference of an image: give it (list . .Values.image). */}}
{{- define "twinconsent.image" -}}
{{- $root := first . }}
{{- $image := last . }}
{{- $name := $image.repository }}
{{- with default $image.registry ($root.Values.global).imageRegistry }}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name }}
{{- end }}
{{- if $image.digest }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default $root.Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/* The Secrets with registries' credentials, which parent charts also write as names alone; nothing when there are none. */}}
{{- define "twinconsent.imagePullSecrets" -}}
{{- $secrets := list }}
{{- range concat .Values.imagePullSecrets (default list (.Values.global).imagePullSecrets) }}
{{- $secrets = append $secrets (ternary . (dict "name" .) (kindIs "map" .)) }}
{{- end }}
{{- with uniq $secrets }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "twinconsent.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "twinconsent.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Host name of the simulator's Service. */}}
{{- define "twinconsent.simulator.host" -}}
{{ include "twinconsent.simulator.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{/* The namespaces that are watched, separated by commas; empty for all. */}}
{{- define "twinconsent.watchedNamespaces" -}}
{{- default .Values.watch.namespaces .Values.rbac.scopedNamespaces | join "," }}
{{- end }}

{{/* The accounts that an operator for some namespaces reads before a consent names them. */}}
{{- define "twinconsent.clusterAccounts" -}}
{{- $accounts := .Values.watch.clusterAccounts }}
{{- if include "twinconsent.hasAccount" . }}
{{- $accounts = prepend $accounts .Values.account.name }}
{{- end }}
{{- if include "twinconsent.watchedNamespaces" . }}{{ uniq $accounts | join "," }}{{ end }}
{{- end }}

{{/* The ConfigMap with root certificates, if there is one. */}}
{{- define "twinconsent.caBundle.configMap" -}}
{{- if .Values.caBundle.pem }}
{{- include "twinconsent.fullname" . }}-ca
{{- else }}
{{- .Values.caBundle.existingConfigMap.name }}
{{- end }}
{{- end }}

{{/* The port of a URL, which may lack a scheme, as those of proxies do. */}}
{{- define "twinconsent.port" -}}
{{- $scheme := regexFind "^[A-Za-z][-A-Za-z0-9+.]*://" . | lower }}
{{- $authority := regexReplaceAll "[/?#].*$" (regexReplaceAll "^[A-Za-z][-A-Za-z0-9+.]*://" . "") "" }}
{{- $written := regexFind ":[0-9]+$" (regexReplaceAll "^.*@" $authority "") | trimPrefix ":" }}
{{- default (get (dict "https://" "443" "socks5://" "1080" "socks5h://" "1080") $scheme | default "80") $written }}
{{- end }}

{{/*
The ports on the way to HeyGen, one a line: those that are said, or those of the proxies and of HeyGen's address, as far as it is
reached directly. Of a proxy that a Secret names nothing is known; validate.yaml asks for its port.
*/}}
{{- define "twinconsent.heygen.ports" -}}
{{- $variables := dict "https_proxy" .Values.proxy.https "http_proxy" .Values.proxy.http "no_proxy" (join "," .Values.proxy.noProxy) }}
{{- range .Values.extraEnv }}
{{- $_ := set $variables (lower .name) (default "" .value | toString) }}
{{- end }}
{{- $target := default "https://api.heygen.com" .Values.heygen.baseURL }}
{{- $proxies := pick $variables "https_proxy" "http_proxy" "all_proxy" | values | compact }}
{{- $isProxied := or (get $variables (ternary "http_proxy" "https_proxy" (hasPrefix "http://" $target))) (get $variables "all_proxy") }}
{{- $ports := list }}
{{- range $proxies }}
{{- $ports = append $ports (include "twinconsent.port" .) }}
{{- end }}
{{- if or (not $isProxied) (get $variables "no_proxy") }}
{{- $ports = append $ports (include "twinconsent.port" $target) }}
{{- end }}
{{- default $ports .Values.networkPolicy.heygen.ports | uniq | join "\n" }}
{{- end }}

{{/* "true" when the release brings a ClusterHeyGenAccount. */}}
{{- define "twinconsent.hasAccount" -}}
{{- if or .Values.account.create .Values.simulator.enabled }}true{{ end }}
{{- end }}

{{/* The Secret with the account's key: one that exists, or ours. */}}
{{- define "twinconsent.account.secretName" -}}
{{- default (printf "%s-heygen" (include "twinconsent.fullname" .)) .Values.account.existingSecret.name }}
{{- end }}

{{- define "twinconsent.account.secretKey" -}}
{{- if .Values.account.existingSecret.name }}{{ .Values.account.existingSecret.key }}{{ else }}apiKey{{ end }}
{{- end }}

{{/* The checks of kube-score that every Deployment here leaves unmet; the annotation beside it says why. */}}
{{- define "twinconsent.kubeScore.ignore" -}}
{{- if not .Values.networkPolicy.enabled }}pod-networkpolicy,{{ end -}}
{{- if lt (int .Values.replicas) 2 }}deployment-replicas,{{ end -}}
container-image-pull-policy,container-security-context-user-group-id,container-resources,container-ephemeral-storage-request-and-limit,deployment-has-host-podantiaffinity
{{- end }}

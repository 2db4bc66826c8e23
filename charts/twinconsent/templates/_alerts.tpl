{{/* The alerts, before somebody's own words are put into them. */}}
{{- define "twinconsent.alerts" }}
{{- $job := printf "job=%q,namespace=%q" (include "twinconsent.fullname" .) .Release.Namespace }}
- alert: TwinConsentDown
  expr: absent(up{ {{- $job -}} } == 1)
  for: 10m
  labels:
    severity: critical
  annotations:
    summary: No pod of the TwinConsent operator can be scraped.
    description: Nobody asks for consent and nobody notices a withdrawal. See the pods in namespace {{ .Release.Namespace }}.
{{- if .Values.leaderElection.enabled }}
- alert: TwinConsentWithoutLeader
  expr: max(twinconsent_leader{ {{- $job -}} }) < 1
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: No replica of the TwinConsent operator leads.
    description: Nobody asks for consent and nobody notices a withdrawal. The pods' logs and /readyz say what is missing.
{{- end }}
- alert: TwinConsentRevoked
  expr: increase(twinconsent_revocations_total{ {{- $job -}} }[1h]) > 0
  labels:
    severity: warning
  annotations:
    summary: HeyGen took an approval back.
    description: A person's consent no longer stands. The DigitalTwinConsent has the reason ConsentRevoked.
- alert: TwinConsentRequestUnanswered
  expr: increase(twinconsent_unanswered_initiations_total{ {{- $job -}} }[1h]) > 0
  labels:
    severity: warning
  annotations:
    summary: HeyGen left a consent request without a definite answer for 10 minutes.
    description: The event on the DigitalTwinConsent tells what a higher requestEpoch would risk.
- alert: TwinConsentStatusNotWritten
  expr: increase(twinconsent_unwritten_statuses_total{ {{- $job -}} }[2h]) > 0
  labels:
    severity: warning
  annotations:
    summary: Kubernetes refuses the status of a DigitalTwinConsent.
    description: What HeyGen has answered is shown nowhere. The event StatusNotWritten names the object, and the operator's log says why.
- alert: TwinConsentHeyGenTrouble
  expr: >-
    sum(rate(twinconsent_heygen_requests_total{ {{- $job -}} ,outcome!="ok"}[15m]))
    > 0.5 * sum(rate(twinconsent_heygen_requests_total{ {{- $job -}} }[15m]))
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: More than half of the requests to HeyGen fail.
    description: The Ready condition of the HeyGenAccounts and ClusterHeyGenAccounts says why.
- alert: TwinConsentPollsLate
  expr: histogram_quantile(0.9, sum by (le) (rate(twinconsent_poll_delay_seconds_bucket{ {{- $job -}} }[30m]))) > 300
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: Polls of consents are more than five minutes late.
    description: The account's rateLimit does not suffice for the number of consents that are followed.
- alert: TwinConsentPollingStandsStill
  expr: max(twinconsent_poll_overdue_seconds{ {{- $job -}} }) > 60
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: Polling of a HeyGen account that can be used stands still.
    description: Approvals and withdrawals are not noticed. The operator's log names the account; a restart takes polling up again. Please report it.
- alert: TwinConsentReconcilesFail
  expr: sum by (kind) (rate(twinconsent_reconciles_total{ {{- $job -}} ,result="failed"}[15m])) > 0
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "Reconciles of {{ $labels.kind }} keep failing." | quote }}
    description: The operator's log says what Kubernetes answered; a missing right is the usual reason.
{{- end }}

{{/* The alerts as they are wanted: fields that `prometheusRule.overrides` names are replaced, labels and annotations one by one. */}}
{{- define "twinconsent.wantedAlerts" }}
{{- $wanted := list }}
{{- range $rule := include "twinconsent.alerts" . | fromYamlArray }}
{{- $override := get $.Values.prometheusRule.overrides $rule.alert | default dict }}
{{- if ne (toString $override.enabled) "false" }}
{{- $merged := dict }}
{{- range $part := list "labels" "annotations" }}
{{- $_ := set $merged $part (include "twinconsent.merged" (list (get $rule $part) (get $override $part | default dict)) | fromYaml) }}
{{- end }}
{{- $wanted = append $wanted (include "twinconsent.merged" (list $rule (omit $override "enabled") $merged) | fromYaml) }}
{{- end }}
{{- end }}
{{- toYaml $wanted }}
{{- end }}

{{/* The alerts, before the values' own words are put into them. docs/operating.md says what each asks for. */}}
{{- define "twinconsent.alerts" }}
{{- $job := printf "job=%q,namespace=%q" (include "twinconsent.fullname" .) .Release.Namespace }}
{{- $account := "account_kind, account_namespace, account" }}
{{- /* A test sees that each reason that a person must act on stands in an alert. ConsentRefused, ConsentWithdrawn and ConsentLapsed do not: they are answers, or what the author has written. */}}
{{- $stalled := "DuplicateAvatarGroup|AvatarGroupNotFound|AvatarFailed|InvalidRequest|NotEntitled|ConsentAlreadyBegun|TermsChanged|LinkSecretConflict|LinkSecretNotWritable" }}
{{- $unusable := "CredentialsRejected|BillingRequired|SecretNotFound|SecretForbidden|SecretUnreadable|InsecureBaseURL|Undecodable" }}
{{- /* For Prometheus, which fills them in. */}}
{{- $value := "{{ $value }}" }}
{{- $name := "{{ $labels.account_kind }} {{ with $labels.account_namespace }}{{ . }}/{{ end }}{{ $labels.account }}" }}
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
  expr: sum by ({{ $account }}) (twinconsent_consents{ {{- $job -}} ,reason="ConsentRevoked"}) > 0
  keep_firing_for: 10m
  labels:
    severity: critical
  annotations:
    summary: {{ printf "HeyGen took back %s consent(s) of %s." $value $name | quote }}
    description: A person's consent no longer stands. Stop using the twin. The reason ConsentRevoked among the DigitalTwinConsents names it.
- alert: TwinConsentUnverified
  expr: sum by ({{ $account }}) (twinconsent_consents{ {{- $job -}} ,reason="Unverified"}) > 0
  for: 10m
  keep_firing_for: 10m
  labels:
    severity: critical
  annotations:
    summary: {{ printf "Nobody can say whether %s consent(s) of %s still stand." $value $name | quote }}
    description: HeyGen was not polled for longer than polling.staleAfter, or what it said is not what the consentPolicy counts as consent any more. See the account.
- alert: TwinConsentUnrecognizedStatus
  expr: sum by ({{ $account }}) (twinconsent_consents{ {{- $job -}} ,reason="UnrecognizedConsentStatus"}) > 0
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "HeyGen reports a status of %s consent(s) of %s that the consentPolicy does not know." $value $name | quote }}
    description: It is not taken for consent. The status.consentStatus of the DigitalTwinConsents shows the status.
- alert: TwinConsentStalled
  expr: sum by ({{ $account }}, reason) (twinconsent_consents{ {{- $job -}} ,reason=~"{{ $stalled }}"}) > 0
  for: 1h
  labels:
    severity: warning
  annotations:
    summary: {{ printf "%s consent(s) of %s are stalled: {{ $labels.reason }}." $value $name | quote }}
    description: The message of Ready of each of these DigitalTwinConsents says what is to be done.
- alert: TwinConsentAccountMissing
  expr: sum by ({{ $account }}, reason) (twinconsent_consents{ {{- $job -}} ,reason=~"AccountNotReady|AccountNotAllowed"}) > 0
  for: 1h
  labels:
    severity: warning
  annotations:
    summary: {{ printf "%s consent(s) wait for an account: {{ $labels.reason }}." $value | quote }}
    description: Their HeyGenAccount or ClusterHeyGenAccount does not exist, cannot be used or does not serve their namespace. The message of Ready names it.
- alert: TwinConsentNotAnswered
  expr: sum by ({{ $account }}, reason) (twinconsent_consents{ {{- $job -}} ,reason=~"ApprovalOverdue|LinkExpired"}) > 0
  for: 1h
  labels:
    severity: info
  annotations:
    summary: {{ printf "%s person(s) have not answered: {{ $labels.reason }}." $value | quote }}
    description: The approvalDeadline has passed, or the link presumably no longer works. Remind the person, or raise spec.requestEpoch for a new link.
- alert: TwinConsentAccountUnusable
  expr: min by ({{ $account }}, reason) (twinconsent_account_ready{ {{- $job -}} ,reason=~"{{ $unusable }}"}) == 0
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "The operator cannot use %s: {{ $labels.reason }}." $name | quote }}
    description: Nobody is asked with this account, and no approval or withdrawal is noticed. The message of its Ready condition says what is wrong.
- alert: TwinConsentHeyGenTrouble
  expr: min by ({{ $account }}) (twinconsent_account_ready{ {{- $job -}} ,reason=~"Unreachable|Throttled"}) == 0
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "HeyGen does not answer %s as it should." $name | quote }}
    description: Nobody is asked with this account, and no approval or withdrawal is noticed. It is tried again by itself; the message of its Ready condition says what the trouble is.
- alert: TwinConsentRequestUnanswered
  expr: sum(increase(twinconsent_unanswered_initiations_total{ {{- $job -}} }[1h])) > 0
  labels:
    severity: warning
  annotations:
    summary: HeyGen left a consent request without a definite answer for 10 minutes.
    description: The event on the DigitalTwinConsent tells what a higher requestEpoch would risk.
- alert: TwinConsentStatusNotWritten
  expr: sum(increase(twinconsent_unwritten_statuses_total{ {{- $job -}} }[2h])) > 0
  labels:
    severity: warning
  annotations:
    summary: Kubernetes refuses the status of a DigitalTwinConsent.
    description: What HeyGen has answered is shown nowhere. The event StatusNotWritten names the object, and the operator's log says why.
- alert: TwinConsentAuditLogNotWritable
  expr: min by (pod) (twinconsent_audit_log_writable{ {{- $job -}} }) == 0
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "The audit log cannot be written in pod %s." "{{ $labels.pod }}" | quote }}
    description: Consents are served as before, and their audit events are late, or missing once more than a thousand wait. /readyz and the operator's log say why.
- alert: TwinConsentAuditEventsMissing
  expr: sum(increase(twinconsent_audit_events_total{ {{- $job -}} ,result=~"dropped|unsynced"}[1h])) > 0
  labels:
    severity: warning
  annotations:
    summary: Audit events of consents were not written, or are not on the disk.
    description: The audit log has gaps, which its sequence numbers show, or will have after a crash of the node. What the consents themselves say is not touched. See why the log could not be written.
- alert: TwinConsentNotificationsLate
  expr: max by (account, sink) (twinconsent_notification_oldest_event_age_seconds{ {{- $job -}} }) > 900
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "The sink %s of the ClusterHeyGenAccount %s does not take notifications." "{{ $labels.sink }}" "{{ $labels.account }}" | quote }}
    description: Events have been waiting for it for more than 15 minutes, and are dropped after 24 hours. The account's condition NotificationsDelivered says why. Consents are served as before.
- alert: TwinConsentNotificationsDropped
  expr: sum by (account, sink, reason) (increase(twinconsent_notification_events_dropped_total{ {{- $job -}} }[1h])) > 0
  labels:
    severity: warning
  annotations:
    summary: {{ printf "Events were dropped that the sink %s of the ClusterHeyGenAccount %s was to get (%s)." "{{ $labels.sink }}" "{{ $labels.account }}" "{{ $labels.reason }}" | quote }}
    description: They are in the audit log, and not sent again. The account's condition NotificationsDelivered says why.
- alert: TwinConsentUndecodable
  expr: max by (kind) (twinconsent_undecodable_objects{ {{- $job -}} }) > 0
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: {{ printf "%s object(s) of the kind {{ $labels.kind }} cannot be decoded and are ignored." $value | quote }}
    description: The event Undecodable names the object, and the operator's log the field.
- alert: TwinConsentPollsLate
  expr: histogram_quantile(0.9, sum by (le) (rate(twinconsent_poll_delay_seconds_bucket{ {{- $job -}} }[30m]))) > 300
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: Polls of consents are more than five minutes late.
    description: An account's rateLimit does not suffice for the number of consents that are followed.
- alert: TwinConsentRequestsWait
  expr: sum(twinconsent_waiting_requests{ {{- $job -}} }) > 0
  for: 2h
  labels:
    severity: warning
  annotations:
    summary: Consent requests have been waiting for their account's rateLimit for hours.
    description: More is asked for than the rateLimit lets through. Those who come last get their link last.
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

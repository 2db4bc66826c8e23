//! Values that make no sense are refused before anything is installed, and the answer names the value.

use crate::helm::{Helm, template_where};

/// What is set, and what the refusal has to hold.
const REFUSED: &[(&[&str], &[&str])] = &[
    // Typos, at every depth.
    (&["replica=3"], &["replica"]),
    (&["image.tags=1"], &["image", "tags"]),
    (&["rbac.scopedNamespace={a}"], &["rbac", "scopedNamespace"]),
    (&["account.ratelimit.burst=3"], &["account", "ratelimit"]),
    (&["account.rateLimit.bursts=3"], &["account/rateLimit", "bursts"]),
    (&["account.allowedNamespaces.selector.matchLabel.a=b"], &["account/allowedNamespaces/selector", "matchLabel"]),
    (&["networkPolicy.apiServer.port=6443"], &["networkPolicy/apiServer", "port"]),
    (&["withdrawals.kept=true"], &["withdrawals", "kept"]),
    (&["returnPage.Url=https://consent.example.com"], &["returnPage", "Url"]),
    (&["simulator.group={a}"], &["simulator", "group"]),
    (&["resources.limit.cpu=1"], &["resources", "limit"]),
    // Of the wrong type.
    (&["replicas=two"], &["replicas", "integer"]),
    (&["crds.enabled=yes please"], &["crds/enabled", "boolean"]),
    (&["withdrawals.keep=always"], &["withdrawals/keep", "boolean"]),
    (&["rbac.scopedNamespaces=team-a"], &["rbac/scopedNamespaces", "array"]),
    (&["commonLabels.team=true"], &["commonLabels/team", "string"]),
    // Out of bounds.
    (&["replicas=-1"], &["replicas", "minimum"]),
    (&["concurrency=0"], &["concurrency", "minimum"]),
    (&["concurrency=1025"], &["concurrency", "maximum"]),
    (&["shutdownGraceSeconds=0"], &["shutdownGraceSeconds", "minimum"]),
    (&["service.port=70000"], &["service/port", "maximum"]),
    (&["account.rateLimit.burst=0"], &["account/rateLimit/burst", "minimum"]),
    (&["networkPolicy.heygen.ports={https}"], &["networkPolicy/heygen/ports/0", "integer"]),
    // Not among the words, or not of the form.
    (&["log.format=xml"], &["log/format", "json"]),
    (&["image.pullPolicy=Sometimes"], &["image/pullPolicy", "IfNotPresent"]),
    (&["account.auth=Basic"], &["account/auth", "Bearer"]),
    (&["image.digest=0123"], &["image/digest", "pattern"]),
    (&["image.tag=a b"], &["image/tag", "pattern"]),
    (&["image.repository="], &["image/repository", "minLength"]),
    (&["heygen.baseURL=api.heygen.com"], &["heygen/baseURL", "pattern"]),
    (&["heygen.baseURL=https://user:password@heygen.example.com"], &["heygen/baseURL", "pattern"]),
    (&["returnPage.url=consent.example.com"], &["returnPage/url", "pattern"]),
    (&["returnPage.url=https://user@consent.example.com"], &["returnPage/url", "pattern"]),
    (&["returnPage.url=https://consent.example.com/?a=b"], &["returnPage/url", "pattern"]),
    (&["returnPage.httpRoute.parentRefs[0].kind=Gateway"], &["returnPage/httpRoute/parentRefs/0", "name"]),
    (&["account.polling.interval=fast"], &["account/polling/interval", "pattern"]),
    (&["account.linkLifetime=1day"], &["account/linkLifetime"]),
    (&["account.existingSecret.name=My_Secret"], &["account/existingSecret/name", "pattern"]),
    (&["account.apiKey=with blanks"], &["account/apiKey", "pattern"]),
    (&["rbac.scopedNamespaces={Team_A}"], &["rbac/scopedNamespaces/0", "pattern"]),
    (&["watch.namespaces={a,a}"], &["watch/namespaces", "equal"]),
    (&["caBundle.pem=/etc/ssl/ca.pem"], &["caBundle/pem", "pattern"]),
    (&["networkPolicy.apiServer.cidrs={10.0.0.1}"], &["networkPolicy/apiServer/cidrs/0", "pattern"]),
    (&["podDisruptionBudget.maxUnavailable=half"], &["podDisruptionBudget/maxUnavailable"]),
    (&["simulator.reviewTime=5"], &["simulator/reviewTime"]),
    (&["serviceMonitor.interval=30"], &["serviceMonitor/interval"]),
    (&["listenAddress=localhost"], &["listenAddress", "pattern"]),
    (&["account.notifications[0].name=a.b"], &["account/notifications/0/name", "pattern"]),
    (&["account.notifications[0].url=https://user@example.com"], &["account/notifications/0/url", "pattern"]),
    // Two that contradict each other.
    (&["account.create=true"], &["account.create:", "account.existingSecret.name"]),
    (&["account.apiKey=k"], &["account.create:", "set it to true"]),
    (&["account.create=true", "account.apiKey=k", "account.existingSecret.name=s"], &["account.apiKey:", "account.existingSecret.name"]),
    (&["simulator.enabled=true", "account.apiKey=k"], &["simulator.enabled:", "account.apiKey"]),
    (
        &["account.create=true", "account.existingSecret.name=s", "account.consentPolicy.waived={skipped}"],
        &["account.consentPolicy:", "account.allowedNamespaces"],
    ),
    (&["heygen.baseURL=http://heygen.example.com"], &["heygen.baseURL:", "heygen.allowInsecureBaseURL"]),
    (&["watch.namespaces={a}", "watch.clusterAccounts={Gold}"], &["watch/clusterAccounts/0", "pattern"]),
    (&["watch.clusterAccounts={gold}"], &["watch.clusterAccounts:", "rbac.scopedNamespaces"]),
    (&["returnPage.enabled=true"], &["returnPage.url:", "https://"]),
    (&["returnPage.url=https://consent.example.com"], &["returnPage.enabled:", "set it to true"]),
    (&["returnPage.enabled=true", "returnPage.url=http://consent.example.com"], &["returnPage.url:", "use https"]),
    (&["returnPage.ingress.enabled=true"], &["returnPage.ingress.enabled:", "set returnPage.enabled"]),
    (&["returnPage.httpRoute.enabled=true"], &["returnPage.httpRoute.enabled:", "set returnPage.enabled"]),
    (
        &["returnPage.enabled=true", "returnPage.url=https://192.0.2.1:8443", "returnPage.ingress.enabled=true"],
        &["returnPage.ingress.enabled:", "a name"],
    ),
    (
        &["returnPage.enabled=true", "returnPage.url=https://[2001:db8::1]", "returnPage.httpRoute.enabled=true"],
        &["returnPage.httpRoute.enabled:", "a name"],
    ),
    (
        &["returnPage.enabled=true", "returnPage.url=https://consent.example.com", "returnPage.httpRoute.enabled=true"],
        &["returnPage.httpRoute.parentRefs:", "a Gateway"],
    ),
    (&["watch.namespaces={a}", "rbac.scopedNamespaces={b}"], &["watch.namespaces:", "rbac.scopedNamespaces"]),
    (
        &["caBundle.pem=-----BEGIN CERTIFICATE-----", "caBundle.existingConfigMap.name=ca"],
        &["caBundle.pem:", "caBundle.existingConfigMap.name"],
    ),
    (&["commonLabels.app\\.kubernetes\\.io/name=mine"], &["commonLabels", "app.kubernetes.io/name"]),
    (&["podLabels.app\\.kubernetes\\.io/component=mine"], &["podLabels", "app.kubernetes.io/component"]),
    (&["networkPolicy.enabled=true", "proxy.existingSecret.name=proxy"], &["networkPolicy.heygen.ports:", "proxy.existingSecret"]),
    (&["proxy.https=http://proxy:3128", "proxy.existingSecret.name=proxy"], &["proxy.existingSecret:", "proxy.https"]),
    (&["proxy.existingSecret.name=proxy", "extraEnv[0].name=all_proxy"], &["extraEnv:", "all_proxy", "proxy.existingSecret"]),
    (&["proxy.existingSecret.name=proxy", "extraEnv[0].name=HTTPS_PROXY"], &["extraEnv:", "HTTPS_PROXY", "proxy.existingSecret"]),
    (&["proxy.https=http://user:hunter2#3@proxy:3128"], &["proxy.https:", "# %23"]),
    (&["proxy.https=http://user:3/hunter2@proxy:3128/"], &["proxy.https:", "/ is %2F"]),
    (&["proxy.http=user:hunter2?3@proxy:3128"], &["proxy.http:", "? %3F"]),
    (&["proxy.http=http://proxy:3128/path"], &["proxy.http:", "a path"]),
    (&["podLabels.twinconsent\\.io/release=mine"], &["podLabels:", "twinconsent.io/release selects the pods"]),
    (
        &["networkPolicy.enabled=true", "extraEnv[0].name=HTTPS_PROXY", "extraEnv[0].valueFrom.secretKeyRef.name=proxy"],
        &["networkPolicy.heygen.ports:", "HTTPS_PROXY"],
    ),
    (&["serviceMonitor.labels.app\\.kubernetes\\.io/instance=mine"], &["serviceMonitor.labels:", "app.kubernetes.io/instance"]),
    (&["commonLabels.app\\.kubernetes\\.io/managed-by=me"], &["commonLabels:", "app.kubernetes.io/managed-by"]),
    (&["commonLabels.rbac\\.authorization\\.k8s\\.io/aggregate-to-view=yes"], &["commonLabels:", "rbac.aggregateToView"]),
    (&["extraEnv[0].name=POD_NAME"], &["extraEnv:", "POD_NAME"]),
    (&["extraEnv[0].name=A", "extraEnv[1].name=A"], &["extraEnv:", "A is set twice"]),
    (&["proxy.https=http://proxy.example.com:3128", "extraEnv[0].name=HTTPS_PROXY"], &["extraEnv:", "HTTPS_PROXY"]),
    (&["caBundle.existingConfigMap.name=ca", "extraVolumes[0].name=ca-bundle"], &["extraVolumes:", "ca-bundle"]),
    (&["auditLog.path=/var/log/audit/audit.log"], &["auditLog.path:", "auditLog.volume"]),
    (&["auditLog.path=audit.log", "auditLog.volume.hostPath.path=/a"], &["auditLog/path", "pattern"]),
    (&["auditLog.path=/audit.log", "auditLog.volume.hostPath.path=/a"], &["auditLog/path", "pattern"]),
    (&["auditLog.volume.hostPath.path=/a"], &["auditLog.volume:", "auditLog.path"]),
    (&["auditLog.path=/a/b", "auditLog.volume.name=b"], &["auditLog/volume"]),
    (&["auditLog.path=/a/b", "auditLog.volume.hostPath.path=/a", "extraVolumes[0].name=audit-log"], &["extraVolumes:", "audit-log"]),
    (&["podMonitor.labels.app\\.kubernetes\\.io/name=mine"], &["podMonitor.labels:", "app.kubernetes.io/name"]),
    (&["serviceMonitor.enabled=true", "podMonitor.enabled=true"], &["podMonitor.enabled:", "serviceMonitor.enabled"]),
    (&["prometheusRule.overrides.TwinConsentDwn.enabled=false"], &["prometheusRule.overrides:", "TwinConsentDwn", "TwinConsentDown"]),
    (&["prometheusRule.overrides.TwinConsentDown.four=1h"], &["prometheusRule/overrides/TwinConsentDown", "four"]),
    (&["prometheusRule.overrides.TwinConsentDown.for=soon"], &["prometheusRule/overrides/TwinConsentDown/for", "pattern"]),
    (&["runtimeClassName=Not_A_Name"], &["runtimeClassName", "pattern"]),
    (&["extraObjects[0].kind=ConfigMap"], &["extraObjects/0", "apiVersion"]),
    (
        &["extraObjects[0].apiVersion=twinconsent.io/v1alpha1", "extraObjects[0].kind=DigitalTwinConsent"],
        &["extraObjects:", "DigitalTwinConsent"],
    ),
    (&["extraObjects[0]=kind: DigitalTwinConsent"], &["extraObjects:", "DigitalTwinConsent"]),
    // Of a parent chart.
    (&["enabled=true"], &["enabled:", "parent chart"]),
    (&["enabled=yes please"], &["enabled", "boolean"]),
    (&["global.imageRegistry=user@registry.example.com"], &["global/imageRegistry", "pattern"]),
    (&["global.imagePullSecrets={My_Secret}"], &["global/imagePullSecrets/0"]),
];

#[test]
fn a_value_that_makes_no_sense_is_refused_and_named() {
    let failures: Vec<String> = REFUSED.iter().filter_map(|(set, named)| complaint(set, named)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn complaint(set: &[&str], named: &[&str]) -> Option<String> {
    let arguments: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
    let said = template_where(&[], &arguments);
    if said.succeeded {
        return Some(format!("{set:?} is accepted"));
    }
    if said.stderr.contains("hunter2") {
        return Some("a password is repeated".to_owned());
    }
    let missing: Vec<&&str> = named.iter().filter(|word| !said.stderr.contains(**word)).collect();
    (!missing.is_empty()).then(|| format!("{set:?}: {missing:?} is not in\n{}", said.stderr))
}

#[test]
fn helm_3_refuses_a_misspelt_value_as_well() {
    let said = Helm::Three.run(&["template", "twinconsent", "charts/twinconsent", "--set", "replica=3"]).refusal();
    assert!(said.contains("replica"), "{said}");
}

#[test]
fn a_cluster_that_is_too_old_is_told_so() {
    let said = Helm::Four.run(&["template", "twinconsent", "charts/twinconsent", "--kube-version", "1.32.9"]).refusal();
    assert!(said.contains("kubeVersion"), "{said}");
}

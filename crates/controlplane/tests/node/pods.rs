//! What pods get from a node.

use std::fs;

use controlplane::{Error, Node};
use serde_json::Value;

use crate::{PROBE_IMAGE, eventually, shared};

/// A namespace that refuses pods that are not restricted, with a ServiceAccount that may list ConfigMaps, and a Service.
fn namespace(node: &Node, name: &str) {
    node.apply(&format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: {name}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: probe, namespace: {name}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: probe, namespace: {name}}}
rules: [{{apiGroups: [''], resources: [configmaps], verbs: [list]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: probe, namespace: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: probe}}
subjects: [{{kind: ServiceAccount, name: probe, namespace: {name}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: probe, namespace: {name}}}
spec: {{selector: {{app: probe}}, ports: [{{port: 80, targetPort: 8080}}]}}
"
    ))
    .unwrap();
}

fn pod(namespace: &str, security: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: probe, namespace: {namespace}, labels: {{app: probe}}}}
spec:
  serviceAccountName: probe
  terminationGracePeriodSeconds: 5
  securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: probe
    image: {PROBE_IMAGE}
    imagePullPolicy: Never
    securityContext: {security}
    livenessProbe: {{httpGet: {{path: /livez, port: 8080}}, periodSeconds: 2}}
    readinessProbe: {{httpGet: {{path: /livez, port: 8080}}, periodSeconds: 1}}
    resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{cpu: 500m, memory: 64Mi}}}}
"
    )
}

const RESTRICTED: &str = "{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}";

fn run_restricted_pod(node: &Node, name: &str) {
    namespace(node, name);
    node.apply(&pod(name, RESTRICTED)).unwrap();
    node.kubectl_ok(&["wait", "pod/probe", "--namespace", name, "--for=condition=Ready", "--timeout=60s"]).unwrap();
}

#[test]
fn a_restricted_pod_is_probed_and_reaches_the_api_server_by_its_token_and_name() {
    let node = shared();
    run_restricted_pod(node, "restricted");

    let get = ["get", "service", "probe", "--namespace", "restricted", "--output", "jsonpath={.spec.clusterIP}"];
    let service = format!("http://{}", node.kubectl_ok(&get).unwrap());
    // kubectl serves as a client of HTTP; the way from the node to the Service's address is kube-proxy's.
    let facts = eventually("the Service leads to the pod", || {
        node.kubectl_ok(&["--server", &service, "get", "--raw", "/facts"]).map_err(|error| error.to_string())
    });
    let facts: Value = serde_json::from_str(&facts).unwrap();

    assert_eq!(facts["user"], 65532);
    assert_eq!(facts["capabilities"], "0000000000000000");
    assert_eq!(facts["noNewPrivs"], "1");
    assert_eq!(facts["seccomp"], "2", "a filter");
    assert_eq!(facts["rootIsWritable"], false);
    assert_eq!(facts["apiServer"], "200 OK");
    assert_eq!(facts["address"], "10.96.0.1");
}

#[test]
fn a_pod_that_is_not_restricted_is_refused() {
    let node = shared();
    namespace(node, "refused");
    let refusal = node.apply(&pod("refused", "{privileged: true}")).unwrap_err().to_string();
    assert!(refusal.contains("violates PodSecurity \"restricted:latest\""), "{refusal}");
}

#[test]
fn a_killed_container_is_started_again() {
    let node = shared();
    run_restricted_pod(node, "killed");

    node.kill_container("killed", "probe", "probe").unwrap();

    let status = "jsonpath={.status.containerStatuses[0]['restartCount','ready','lastState.terminated.exitCode']}";
    eventually("it runs again", || {
        let status = node.kubectl_ok(&["get", "pod", "probe", "--namespace", "killed", "--output", status]).unwrap();
        if status == "1 true 137" { Ok(()) } else { Err(status) }
    });
    assert!(!node.container_pids("killed", "probe", "probe").unwrap().is_empty());
}

#[test]
fn a_container_that_is_nowhere_cannot_be_killed() {
    assert!(matches!(shared().kill_container("default", "nobody", "probe"), Err(Error::Kubectl { .. })));
}

#[test]
fn logs_and_commands_reach_a_pod_through_the_api_server() {
    let node = shared();
    run_restricted_pod(node, "reached");
    // The image has no shell; a program that cannot be started is told by the runtime, so the way is open.
    let refusal = node.kubectl_ok(&["exec", "--namespace", "reached", "probe", "--", "/nothing"]).unwrap_err().to_string();
    assert!(refusal.contains("/nothing"), "{refusal}");
    assert_eq!(node.kubectl_ok(&["logs", "--namespace", "reached", "probe"]).unwrap(), "");
}

#[test]
fn the_audit_log_names_each_user_and_request() {
    let node = shared();
    run_restricted_pod(node, "audited");
    let user = "system:serviceaccount:audited:probe";
    let get = ["get", "service", "probe", "--namespace", "audited", "--output", "jsonpath={.spec.clusterIP}"];
    let service = format!("http://{}", node.kubectl_ok(&get).unwrap());
    eventually("the pod's own request is in the log", || {
        node.kubectl_ok(&["--server", &service, "get", "--raw", "/facts"]).map_err(|error| error.to_string())?;
        let log = fs::read_to_string(node.audit_log().unwrap()).unwrap();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut own = events.filter(|event| event["user"]["username"] == user);
        let found = own.find(|event| event["verb"] == "list" && event["objectRef"]["resource"] == "configmaps");
        found.map(drop).ok_or_else(|| "not yet".to_owned())
    });
}

#[test]
fn the_world_outside_is_unreachable() {
    let answer = shared().kubectl_ok(&["--server=http://192.0.2.1", "get", "--raw=/", "--request-timeout=5s"]).unwrap_err();
    assert!(answer.to_string().contains("network is unreachable"), "{answer}");
}

#[test]
fn an_archive_that_is_no_image_is_refused_with_its_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "no tar").unwrap();
    let refusal = shared().import_image(file.path()).unwrap_err().to_string();
    assert!(refusal.contains(file.path().to_str().unwrap()), "{refusal}");
}

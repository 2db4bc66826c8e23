//! As a part of another chart, on a cluster that chooses users itself, as OpenShift does.

use controlplane::Program;

use crate::cluster::{Cluster, cluster, eventually, output, root};
use crate::consents::{create, link, until};
use crate::document::{Reader, Section};
use crate::heygen;

/// The namespace of the release, and what the consents are about.
const NAMESPACE: &str = "studio";

/// The user that the namespace's pods get, as OpenShift would choose one.
const USER: &str = "1000680000";

/// Ours are what the document does not say: where the images are, and that no real person is asked.
const VALUES: &str = "
global: {imageRegistry: localhost}
twinconsent:
  enabled: true
  image: {pullPolicy: Never}
  simulator: {enabled: true, reviewTime: 1s, groups: [hopper], image: {pullPolicy: Never}}
";

#[test]
fn a_part_of_another_chart_runs_as_the_user_that_the_cluster_chooses_and_in_the_group_0_with_both_helms() {
    let cluster = &*cluster();
    for helm in [Program::Helm, Program::Helm3] {
        println!("with {helm}: a part of another chart, where users are the cluster's to choose");
        cluster.clear(&[NAMESPACE]);
        prepare(cluster);
        install(cluster, helm);
        let pods = cluster.get(&["pods", "-n", NAMESPACE]).unwrap();
        let pods: Vec<&str> = pods["items"].as_array().unwrap().iter().map(|pod| pod["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(pods.len(), 3, "{pods:?}");
        for pod in pods {
            let container = if pod.contains("simulator") { "simulator" } else { "operator" };
            let pids = cluster.node().container_pids(NAMESPACE, pod, container).unwrap();
            let status = std::fs::read_to_string(format!("/proc/{}/status", pids[0])).unwrap();
            let ids = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!((ids("Uid:"), ids("Gid:")), (vec![USER.to_owned(); 4], vec!["0".to_owned(); 4]), "{pod}");
            assert!(ids("Groups:").contains(&USER.to_owned()), "{pod}: {status}");
        }
        create(cluster, NAMESPACE, &["hopper".to_owned()]);
        let asked = until(cluster, NAMESPACE, "hopper", "AwaitingApproval");
        heygen::consent_at(cluster, NAMESPACE, "video-twinconsent", &link(&asked));
        until(cluster, NAMESPACE, "hopper", "Approved");
        cluster.clear(&[NAMESPACE]);
    }
    cluster.kubectl(&["delete", "-f", policies().as_str()]);
}

/// The namespace, and a cluster that chooses its users.
fn prepare(cluster: &Cluster) {
    let labels = "{users: of-the-namespace, pod-security.kubernetes.io/enforce: restricted}";
    cluster.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}, labels: {labels}}}\n"));
    cluster.kubectl(&["apply", "-f", policies().as_str()]);
    eventually("the namespace's ServiceAccount is there", || cluster.try_kubectl(&["get", "serviceaccount", "default", "-n", NAMESPACE]));
    eventually("users are the cluster's to choose", || {
        let chosen = dry_run(cluster, "")?;
        if chosen != USER {
            return Err(format!("the user would be {chosen:?}"));
        }
        match dry_run(cluster, "runAsUser: 65532") {
            Err(refusal) if refusal.contains("users are of the namespace's range") => Ok(()),
            other => Err(format!("a user of one's own: {other:?}")),
        }
    });
}

fn policies() -> String {
    root().join("tests/install/others-users.yaml").display().to_string()
}

/// The user that a pod would get.
fn dry_run(cluster: &Cluster, of_the_pod: &str) -> Result<String, String> {
    let container = "{name: probe, image: probe, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}";
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: probe, namespace: {NAMESPACE}}}\n\
         spec: {{containers: [{container}], securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}, {of_the_pod}}}}}\n"
    );
    let user = "jsonpath={.spec.containers[0].securityContext.runAsUser}";
    output(&mut cluster.kubectl_command(&["create", "--dry-run=server", "-o", user, "-f", "-"]), &pod)
}

/// Installs the chart that the document shows.
fn install(cluster: &Cluster, helm: Program) {
    let chart = tempfile::tempdir().unwrap();
    let shown = Section::of("docs/installing.md", "### In a chart of your own").blocks("yaml").remove(0);
    let ours = format!("file://{}", root().join("charts/twinconsent").display());
    assert!(shown.contains("file://../twinconsent/charts/twinconsent"), "{shown}");
    std::fs::write(chart.path().join("Chart.yaml"), shown.replace("file://../twinconsent/charts/twinconsent", &ours)).unwrap();
    std::fs::write(chart.path().join("values.yaml"), VALUES).unwrap();
    let commands = format!("helm dependency update .\nhelm install video . --namespace {NAMESPACE} --wait --timeout=120s");
    Reader::new(cluster, helm).types_in(chart.path(), &commands, "");
}

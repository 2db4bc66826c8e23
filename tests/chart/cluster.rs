//! Real control planes: one that serves every kind that the chart can make, and fresh ones.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use controlplane::{ControlPlane, Options, patience};
use serde_json::Value;

use crate::go_module;
use crate::helm::{NAMESPACE, Said, root};

/// How long anything that must happen may stand still, on a machine that is busy with other tests.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The definition of HTTPRoutes, which the cluster of a user may have.
const GATEWAY_API: (&str, &str) = ("sigs.k8s.io/gateway-api", "v1.6.3");

/// Namespaces of tenants.
pub const TENANTS: [&str; 2] = ["team-a", "team-b"];

/// The namespace of `values/odd-names.yaml`.
const ODD_TENANT: &str = "12";

/// A control plane with the controllers of Kubernetes, and nothing of ours.
pub fn fresh() -> ControlPlane {
    ControlPlane::start(Options { controller_manager: true, ..Options::default() }).unwrap_or_else(|error| panic!("{error}"))
}

/// The control plane that serves our kinds, those of the Prometheus operator, and HTTPRoutes; its namespaces are the operator's own, which enforces
/// the restricted Pod Security standard and warns of breaches, and those of two tenants.
pub fn served() -> &'static ControlPlane {
    static SERVED: OnceLock<ControlPlane> = OnceLock::new();
    SERVED.get_or_init(|| {
        let plane = fresh();
        for (_, yaml) in twinconsent_core::api::crd_files().unwrap() {
            // As Helm does; without an annotation that a later apply would complain of.
            kubectl_with(&plane, &["apply", "--server-side", "-f", "-"], &yaml).ok();
        }
        let monitoring = root().join("tests/chart/monitoring");
        plane.kubectl_ok(&["create", "-f", crate::helm::argument(&monitoring)]).unwrap();
        let (module, version) = GATEWAY_API;
        let routes = go_module::folder_of(module, version).join("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml");
        // Too large for the annotation of a client-side apply.
        plane.kubectl_ok(&["create", "-f", crate::helm::argument(&routes)]).unwrap();
        for namespace in [&[NAMESPACE, ODD_TENANT], &TENANTS[..]].concat() {
            plane.kubectl_ok(&["create", "namespace", namespace]).unwrap();
        }
        let levels = ["enforce", "warn"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
        plane.kubectl_ok(&["label", "namespace", NAMESPACE, &levels[0], &levels[1]]).unwrap();
        crate::support::until_established(&plane);
        eventually("the schemas of the new kinds are published", || {
            let published = plane.kubectl_ok(&["get", "--raw", "/openapi/v3"]).unwrap();
            ["twinconsent.io/v1alpha1", "monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1"]
                .iter()
                .all(|group| published.contains(&format!("\"apis/{group}\"")))
        });
        plane
    })
}

/// Runs `kubectl` with something to read.
pub fn kubectl_with(plane: &ControlPlane, arguments: &[&str], input: &str) -> Said {
    let mut command = plane.kubectl();
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl starts");
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // Beside the reading, as either pipe may fill; one that ended early says why on stderr.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().unwrap()
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// One object as the API server has it; null when there is none.
pub fn get(plane: &ControlPlane, arguments: &[&str]) -> Value {
    let answer = plane.kubectl_ok(&[&["get", "-o", "json", "--ignore-not-found"], arguments].concat()).unwrap();
    if answer.trim().is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
}

/// Waits until `condition` holds.
#[track_caller]
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let holds = patience::until(DEADLINE, Duration::from_millis(200), || if condition() { Ok(()) } else { Err("not yet") });
    holds.unwrap_or_else(|given_up| panic!("{what}: {given_up}"));
}

/// A file with this content in a folder.
pub fn write(folder: &Path, name: &str, content: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

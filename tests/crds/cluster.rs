//! One real control plane for all tests of this process, with the definitions installed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use controlplane::{ControlPlane, patience};
use serde_json::{Value, json};

use crate::schema;

/// How long anything that must happen may stand still.
const DEADLINE: Duration = Duration::from_secs(60);

/// A control plane that knows the three kinds.
pub struct Cluster {
    plane: &'static ControlPlane,
    installation_notes: String,
}

/// What `kubectl` said; it may have failed.
#[derive(Debug)]
pub struct Answer {
    pub succeeded: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Cluster {
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let plane = controlplane::shared().expect("a control plane");
            let mut cluster = Cluster { plane, installation_notes: String::new() };
            let arguments: [&[&str]; 2] = [&["apply", "--dry-run=server", "-f", "-"], &["apply", "--server-side", "-f", "-"]];
            for how in arguments {
                let answer = cluster.kubectl_with(how, &definitions());
                assert!(answer.succeeded, "kubectl {}: {}", how.join(" "), answer.stderr);
                cluster.installation_notes += &answer.stderr;
            }
            until("the definitions are established", || {
                let wait = cluster.kubectl(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=1s"]);
                if wait.succeeded { Ok(()) } else { Err(wait.stderr) }
            });
            cluster.wait_until_explained();
            cluster
        })
    }

    /// The API server publishes schemas and names some moments after it has established a definition.
    fn wait_until_explained(&self) {
        for kind in schema::KINDS {
            until("the definitions are explained", || {
                let complaint = self.kubectl(&["explain", schema::singular(kind)]).stderr;
                if complaint.is_empty() { Ok(()) } else { Err(complaint) }
            });
        }
    }

    /// What `kubectl apply`, in either way, had to say besides success when the definitions were installed.
    pub fn installation_notes(&self) -> &str {
        &self.installation_notes
    }

    pub fn plane(&self) -> &'static ControlPlane {
        self.plane
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Answer {
        self.kubectl_with(arguments, "")
    }

    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Answer {
        let mut command = self.plane.kubectl();
        command.args(arguments);
        run(command, input)
    }

    /// Makes a namespace, once.
    pub fn namespace<'a>(&self, name: &'a str) -> &'a str {
        let answer = self.kubectl(&["create", "namespace", name]);
        assert!(answer.stderr.is_empty() || answer.stderr.contains("AlreadyExists"), "{}", answer.stderr);
        name
    }

    pub fn create(&self, object: &Value) {
        let answer = self.kubectl_with(&["create", "-f", "-"], &object.to_string());
        assert_eq!(answer.stderr, "", "{object}");
    }

    pub fn patch_status(&self, kind: &str, namespace: &str, name: &str, status: &Value) -> Answer {
        let patch = json!({ "status": status }).to_string();
        self.kubectl(&["patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch])
    }
}

/// Waits until an attempt succeeds, as long as it does not stand still for [`DEADLINE`].
pub fn until(what: &str, attempt: impl FnMut() -> Result<(), String>) {
    let done = patience::until(DEADLINE, Duration::from_millis(100), attempt);
    done.unwrap_or_else(|given_up| panic!("{what}: {given_up}"));
}

/// The generated definitions as one stream, in the words of the generated files.
pub fn definitions() -> String {
    let files = twinconsent_core::api::crd_files().expect("YAML");
    files.into_iter().map(|(_, yaml)| format!("---\n{yaml}")).collect()
}

/// An object of one of the three kinds; a cluster-wide kind ignores the namespace.
pub fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    let mut object = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": kind, "metadata": { "name": name, "namespace": namespace }, "spec": spec });
    if kind.starts_with("Cluster") {
        object["metadata"] = json!({ "name": name });
    }
    object
}

/// Runs a program to its end.
pub fn run(mut command: Command, input: &str) -> Answer {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = thread::scope(|scope| {
        // Beside the reading, as either pipe may fill; a program that ended early says why on stderr.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().expect("kubectl ends")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

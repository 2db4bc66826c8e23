//! Blocks of YAML: what an API server, Helm or kustomize says to them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use controlplane::{ControlPlane, Program, Tools};
use serde_json::Value;

use crate::blocks::Block;
use crate::definitions;
use crate::marks::{Clause, Mark};
use crate::pages::root;
use crate::support;

type Definitions = fn() -> Vec<String>;

/// Kinds of others, by the end of their group.
static FOREIGN: [(&str, Definitions); 3] = [
    ("toolkit.fluxcd.io", definitions::all),
    ("argoproj.io", || vec![read(&definitions::of_applications())]),
    ("monitoring.coreos.com", || {
        let folder = std::fs::read_dir(root().join("tests/chart/monitoring")).unwrap().map(|entry| entry.unwrap().path());
        folder.filter(|path| path.extension().is_some_and(|own| own == "yaml")).map(|path| read(&path)).collect()
    }),
];

/// The cluster that judges objects: it keeps none, so that all documents share it.
static JUDGE: LazyLock<Mutex<Judge>> = LazyLock::new(|| Mutex::new(Judge { plane: support::plane(), known: BTreeSet::new() }));

struct Judge {
    plane: &'static ControlPlane,
    /// Namespaces and kinds of others that are there.
    known: BTreeSet<String>,
}

/// Applies a block, as its mark says.
pub fn apply(block: &Block, folder: &Path) -> Result<(), String> {
    let Mark::Run(clauses) = &block.mark else { return Ok(()) };
    for clause in clauses {
        match clause {
            Clause::File(name) => {
                let path = folder.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &block.text).unwrap();
                match path.file_name().and_then(|name| name.to_str()) {
                    Some("kustomization.yaml") => return kustomized(path.parent().unwrap()),
                    Some("Chart.yaml") => return packed(path.parent().unwrap()),
                    _ => {}
                }
            }
            Clause::Values => return rendered(&block.text, folder),
            Clause::PartOf(file) => return stands_in(&block.text, file),
            Clause::NewCluster(_) | Clause::Consents(_) => {}
        }
    }
    JUDGE.lock().unwrap_or_else(PoisonError::into_inner).judge(&block.text)
}

impl Judge {
    /// What the API server would do with these objects.
    fn judge(&mut self, yaml: &str) -> Result<(), String> {
        let objects: Vec<Value> = serde_saphyr::from_multiple(yaml).map_err(|error| error.to_string())?;
        for object in &objects {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let (Some(version), Some(_)) = (text(&object["apiVersion"]), text(&object["kind"])) else {
                return Err("this is no object: give it a mark that says what it is".to_owned());
            };
            self.knows(version.split('/').next().unwrap());
            if let Some(namespace) = text(&object["metadata"]["namespace"]) {
                self.has(&namespace);
            }
        }
        let arguments = ["apply", "--dry-run=server", "--server-side", "--validate=strict", "-f", "-"];
        said(self.plane.kubectl().args(arguments), yaml).map(drop)
    }

    fn knows(&mut self, group: &str) {
        for (ending, definitions) in &FOREIGN {
            if group.ends_with(ending) && self.known.insert((*ending).to_owned()) {
                for definition in definitions() {
                    // By the server: Argo CD's definition is larger than an annotation may be.
                    said(self.plane.kubectl().args(["apply", "--server-side", "-f", "-"]), &definition).unwrap();
                }
                // So many that a second, the deadline of other waits here, is too short on a busy machine.
                self.plane.kubectl_ok(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=120s"]).unwrap();
            }
        }
    }

    fn has(&mut self, namespace: &str) {
        let is_new =
            self.known.insert(format!("namespace {namespace}")) && namespace != "default" && namespace != support::OPERATOR_NAMESPACE;
        if is_new {
            self.plane.kubectl_ok(&["create", "namespace", namespace]).unwrap();
        }
    }
}

/// What kustomize builds of a folder is something; a block of `sh` applies it.
fn kustomized(folder: &Path) -> Result<(), String> {
    let mut kubectl = program(Program::Kubectl);
    let helm = tools().path(Program::Helm).to_path_buf();
    let built = said(kubectl.args(["kustomize", "--enable-helm", "--helm-command"]).arg(helm).arg(folder), "")?;
    if built.contains("kind: ") { Ok(()) } else { Err(format!("kustomize built nothing of it: {built}")) }
}

/// The chart of a block finds what it depends on, and is rendered.
fn packed(folder: &Path) -> Result<(), String> {
    said(program(Program::Helm).args(["dependency", "update"]).arg(folder), "")?;
    let rendered = said(program(Program::Helm).args(["template", "studio", "--kube-version=1.33.0"]).arg(folder), "")?;
    if rendered.contains("kind: Deployment") { Ok(()) } else { Err(format!("there is no operator in it: {rendered}")) }
}

/// The chart takes these values.
fn rendered(values: &str, folder: &Path) -> Result<(), String> {
    let arguments = ["template", "twinconsent", "charts/twinconsent", "--kube-version=1.33.0", "--values=-"];
    let served = ["--api-versions=monitoring.coreos.com/v1,monitoring.coreos.com/v1/PrometheusRule"];
    said(program(Program::Helm).args(arguments).args(served).current_dir(folder), values).map(drop)
}

/// The lines stand in this file, all with the same indentation before them.
fn stands_in(part: &str, file: &str) -> Result<(), String> {
    let whole = std::fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))?;
    let stands = (0..20).step_by(2).any(|indent| {
        let indented = part.lines().fold(String::new(), |mut text, line| {
            let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "{:indent$}{line}", "") };
            text
        });
        format!("\n{whole}").contains(&format!("\n{indented}"))
    });
    if stands { Ok(()) } else { Err(format!("{file} has no such part")) }
}

/// A program that knows no cluster.
fn program(program: Program) -> Command {
    let mut command = Command::new(tools().path(program));
    let home = support::plane().dir().join("home");
    std::fs::create_dir_all(&home).unwrap();
    command.env("KUBECONFIG", "/nonexistent/kubeconfig").env("KUBERC", "off").env("HOME", home);
    command
}

fn tools() -> Tools {
    Tools::ensure(&[Program::Kubectl, Program::Helm]).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program, and returns what it said; everything that it said if it fails.
fn said(command: &mut Command, input: &str) -> Result<String, String> {
    use std::io::Write as _;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // Beside the reading, as either pipe may fill; one that ended early says why on stderr.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().unwrap()
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stdout) + &text(&output.stderr)) }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn an_id_that_yaml_takes_for_a_number_is_refused_without_quotes() {
    let plane = support::plane();
    let apply = |id: &str| {
        let head = "apiVersion: twinconsent.io/v1alpha1\nkind: DigitalTwinConsent\nmetadata: {name: digits}\n";
        said(plane.kubectl().args(["apply", "--dry-run=server", "-f", "-"]), &format!("{head}spec: {{groupID: {id}}}\n"))
    };
    let page = read(&root().join("docs/troubleshooting.md"));
    for (id, kind) in [("40712355", "integer"), ("12e4", "integer"), ("12e-4", "number")] {
        let refusal = apply(id).expect_err("a number is no id");
        let shown = format!("spec.groupID in body must be of type string: \"{kind}\"");
        assert!(refusal.contains(&shown), "{id}: {refusal}");
        apply(&format!("\"{id}\"")).unwrap();
    }
    assert!(page.contains("| `spec.groupID in body must be of type string: \"integer\"` |"));
}

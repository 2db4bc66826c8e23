//! The release, as Helm installs it.

use std::path::PathBuf;

use controlplane::{Program, Tools};

use crate::cluster::{Cluster, output, root};

/// The release, whose name its objects have.
pub const RELEASE: &str = "twinconsent";

/// Its namespace, as in the documentation.
pub const NAMESPACE: &str = "twinconsent-system";

/// One of the two Helms.
pub struct Helm<'a> {
    cluster: &'a Cluster,
    program: PathBuf,
    values: Vec<String>,
}

impl<'a> Helm<'a> {
    /// A Helm.
    pub fn of(cluster: &'a Cluster, program: Program) -> Self {
        let program = Tools::ensure(&[program]).unwrap().path(program).to_path_buf();
        Self { cluster, program, values: Vec::new() }
    }

    /// A Helm that installs the chart with these groups at a simulated HeyGen.
    pub fn new(cluster: &'a Cluster, program: Program, groups: &[String]) -> Self {
        let mut values = vec!["simulator.enabled=true".to_owned(), "simulator.reviewTime=1s".to_owned()];
        values.push(format!("simulator.groups={{{}}}", groups.join(",")));
        for image in ["image", "simulator.image"] {
            values.push(format!("{image}.registry=localhost"));
            values.push(format!("{image}.pullPolicy=Never"));
        }
        Self { values, ..Self::of(cluster, program) }
    }

    /// Installs or upgrades with these values besides the usual ones, and waits until the pods are ready.
    #[track_caller]
    pub fn apply(&self, verb: &str, values: &[&str]) {
        let chart = root().join("charts/twinconsent");
        let mut arguments = vec![verb, RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE, "--wait", "--timeout=120s"];
        for value in self.values.iter().map(String::as_str).chain(values.iter().copied()) {
            arguments.extend(["--set", value]);
        }
        self.run(&arguments);
    }

    /// Runs a command on the release.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        output(self.cluster.command(&self.program).args(arguments).current_dir(root()), "").unwrap_or_else(|error| {
            panic!("helm {arguments:?}: {error}\n{}", self.cluster.diagnosis());
        })
    }
}

//! Starting, stopping and restarting the programs.
//!
//! etcd listens on a Unix socket in the control plane's folder: no port to collide on, and no user but the owner of the
//! folder can reach the data behind the API server's back.
//! The API server needs a port of its own, chosen anew while another program is faster.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::certificates::{self, Certificates};
use crate::home::Home;
use crate::kubeconfig::{self, Login};
use crate::release::Release;
use crate::supervisor::Supervised;
use crate::tools::{Program, Tools};
use crate::{Error, ports, readiness};

/// How often the API server is started when its port was taken in the meantime.
const PORT_TRIES: usize = 3;

/// etcd's listener and the API server's view of it: a socket in their working folder.
/// Relative, because the path of a Unix socket is limited to about 100 bytes; etcd wants a port, which only names the file.
pub(crate) const ETCD_URL: &str = "unix://etcd.sock:0";
pub(crate) const ETCD_SOCKET: &str = "etcd.sock:0";

/// What etcd is called, and the cluster that it is the only member of.
pub(crate) const ETCD_MEMBER: [&str; 3] = [
    "--name=controlplane",
    // No other member calls the peer port of a single one, but etcd insists on one.
    "--initial-advertise-peer-urls=http://127.0.0.1:2380",
    "--initial-cluster=controlplane=http://127.0.0.1:2380",
];

/// By which names the API server is reached; 10.0.0.1 is the address of the Service `kubernetes` in the range that it is
/// started with.
const SERVER_NAMES: [&str; 4] = ["127.0.0.1", "10.0.0.1", "localhost", "kubernetes.default.svc"];

const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// What a control plane is started with; the default is what most tests want.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder for keys, data and logs, kept at the end; objects of an earlier run in it are there again.
    /// Absent: a temporary folder, removed at the end.
    pub dir: Option<PathBuf>,
    /// Write each request and its user to [`ControlPlane::audit_log`]: metadata, no bodies.
    pub audit_log: bool,
    /// Run kube-controller-manager too: ServiceAccounts named `default`, garbage collection, deletion of namespaces,
    /// Deployments that make Pods (which then stay pending).
    /// Without it a deleted namespace stays `Terminating`, and the ClusterRoles `view`, `edit` and `admin`, which it
    /// aggregates, are empty.
    pub controller_manager: bool,
    /// Which API server. kube-controller-manager is always the newest, so with an old API server some of its
    /// controllers, for kinds that are not served yet, stay idle.
    pub release: Release,
    /// How many bytes etcd holds; after that it takes no write any more. Absent: 8 GB.
    pub etcd_quota: Option<u64>,
    /// Feature gates of the API server, as in `WatchList=false`.
    pub feature_gates: Option<String>,
}

/// A running control plane. Dropping it ends its programs and removes its temporary folder, and waits for both.
///
/// They end as well when this process ends without dropping it, however it ends.
pub struct ControlPlane {
    // Dropped in this order: the programs before their folder.
    programs: Mutex<Programs>,
    home: Home,
    pub(crate) authority: String,
    pub(crate) kubectl: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) server_url: String,
    pub(crate) etcd_binary: PathBuf,
    pub(crate) etcd_arguments: Vec<String>,
    pub(crate) api_server_binary: PathBuf,
    pub(crate) api_server_arguments: Vec<String>,
    audit_log: Option<PathBuf>,
}

/// In the order in which they are stopped: none loses what it depends on.
pub(crate) struct Programs {
    controller_manager: Option<Supervised>,
    pub(crate) api_server: Option<Supervised>,
    pub(crate) etcd: Option<Supervised>,
}

/// The control plane that the tests of one process share, started by the first that asks, with the default
/// [`Options`] but the release that the environment asks for.
///
/// It ends with the process. Tests keep apart by namespaces.
///
/// # Errors
/// The error of the one start, for every caller.
pub fn shared() -> Result<&'static ControlPlane, &'static Error> {
    static SHARED: OnceLock<Result<ControlPlane, Error>> = OnceLock::new();
    SHARED.get_or_init(|| ControlPlane::start(Options { release: Release::from_environment()?, ..Options::default() })).as_ref()
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready: about 3 s, longer when the programs must be downloaded or built first.
    ///
    /// # Errors
    /// When a program is missing and cannot be built, ends by itself, or stands still for 60 s before it is ready.
    /// Nothing is left running then.
    pub fn start(options: Options) -> Result<ControlPlane, Error> {
        ControlPlane::start_on(options, ports::reserve)
    }

    fn start_on(options: Options, mut choose_port: impl FnMut() -> io::Result<u16>) -> Result<ControlPlane, Error> {
        let Options { dir, audit_log, controller_manager, release, etcd_quota, feature_gates } = options;
        let mut needed = vec![Program::Etcd, release.api_server(), Program::Kubectl];
        if controller_manager {
            needed.push(Program::KubeControllerManager);
        }
        let tools = Tools::ensure(&needed)?;

        let home = Home::open(dir.as_deref())?;
        let certificates = certificates::make(&SERVER_NAMES, &[])?;
        write_keys(&home, &certificates)?;
        let token = random_token().map_err(Error::io("make a token for", home.path()))?;
        home.write("tokens.csv", &format!("{token},admin,admin,system:masters\n"))?;
        let audit_log = audit_log.then(|| home.path().join("audit.log"));

        let start = |name: Program, binary: &Path, arguments: &[String]| {
            Supervised::start(name.name(), binary, arguments, home.path(), home.lifeline())
        };
        let api_server_binary = tools.path(release.api_server());
        let etcd_arguments = etcd_arguments(etcd_quota);
        let mut etcd = start(Program::Etcd, tools.path(Program::Etcd), &etcd_arguments)?;
        let mut tries = 0;
        let (api_server, api_server_arguments, server_url, kubeconfig) = loop {
            tries += 1;
            let port = choose_port().map_err(Error::io("find a free port on", Path::new("127.0.0.1")))?;
            let server_url = format!("https://127.0.0.1:{port}");
            let login = Login::Token(&token);
            let kubeconfig = home.write("kubeconfig", &kubeconfig::render(&server_url, &certificates.authority, &login))?;
            let kubectl = || crate::kubectl::kubectl(tools.path(Program::Kubectl), &kubeconfig, home.path());
            let mut arguments = api_server_arguments(port, audit_log.is_some(), controller_manager);
            arguments.extend(feature_gates.as_ref().map(|features| format!("--feature-gates={features}")));
            let mut api_server = start(Program::KubeApiserver, api_server_binary, &arguments)?;
            match readiness::of_api_server(&mut api_server, &mut etcd, kubectl) {
                Ok(()) => break (api_server, arguments, server_url, kubeconfig),
                Err(Error::Ended { log_tail, .. }) if tries < PORT_TRIES && log_tail.contains("address already in use") => {}
                Err(error) => return Err(error),
            }
        };

        let controller_manager = if controller_manager {
            let binary = tools.path(Program::KubeControllerManager);
            let mut controller_manager = start(Program::KubeControllerManager, binary, &controller_manager_arguments())?;
            let kubectl = || crate::kubectl::kubectl(tools.path(Program::Kubectl), &kubeconfig, home.path());
            readiness::of_controller_manager(&mut controller_manager, kubectl)?;
            Some(controller_manager)
        } else {
            None
        };

        Ok(ControlPlane {
            programs: Mutex::new(Programs { controller_manager, api_server: Some(api_server), etcd: Some(etcd) }),
            authority: certificates.authority,
            kubectl: tools.path(Program::Kubectl).to_path_buf(),
            kubeconfig,
            server_url,
            etcd_arguments,
            etcd_binary: tools.path(Program::Etcd).to_path_buf(),
            api_server_binary: api_server_binary.to_path_buf(),
            api_server_arguments,
            audit_log,
            home,
        })
    }

    /// Ends the API server, as in an outage; etcd keeps the data. Without effect when it is stopped already.
    pub fn stop_api_server(&self) {
        drop(self.programs().api_server.take());
    }

    /// Starts the API server again, at the same URL, and waits until it is ready.
    /// Without effect when it runs.
    ///
    /// # Errors
    /// When it ends by itself, also because its port was taken meanwhile, or stands still for 60 s before it is ready.
    pub fn start_api_server(&self) -> Result<(), Error> {
        self.start_api_server_with(&[])
    }

    /// The same with these arguments besides those of before, until it is stopped, such as `--feature-gates=WatchList=false`.
    ///
    /// # Errors
    /// As [`Self::start_api_server`].
    pub fn start_api_server_with(&self, arguments: &[&str]) -> Result<(), Error> {
        let mut programs = self.programs();
        let Programs { api_server: None, etcd: Some(etcd), .. } = &mut *programs else { return Ok(()) };
        let mut api_server = Supervised::start(
            Program::KubeApiserver.name(),
            &self.api_server_binary,
            &[self.api_server_arguments.clone(), owned(arguments)].concat(),
            self.home.path(),
            self.home.lifeline(),
        )?;
        readiness::of_api_server(&mut api_server, etcd, || self.kubectl())?;
        programs.api_server = Some(api_server);
        Ok(())
    }

    /// Whether every program that should run does.
    ///
    /// # Errors
    /// [`Error::Ended`] for the first that ended by itself.
    pub fn check(&self) -> Result<(), Error> {
        let mut programs = self.programs();
        let Programs { controller_manager, api_server, etcd } = &mut *programs;
        for program in [etcd, api_server, controller_manager].into_iter().flatten() {
            program.check()?;
        }
        Ok(())
    }

    /// The process ids of the running programs, etcd first.
    pub fn pids(&self) -> Vec<u32> {
        let programs = self.programs();
        [programs.etcd.as_ref(), programs.api_server.as_ref(), programs.controller_manager.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(Supervised::pid)
            .collect()
    }

    /// The folder with the programs' keys, data and logs (`PROGRAM.log`).
    pub fn dir(&self) -> &Path {
        self.home.path()
    }

    /// Where the API server writes its audit log, one JSON object a line; absent unless asked for in [`Options`].
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn programs(&self) -> MutexGuard<'_, Programs> {
        // A test that panicked while it held the lock leaves nothing half done.
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By which the API server knows its administrator.
fn random_token() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) fn write_keys(home: &Home, certificates: &Certificates) -> Result<(), Error> {
    let Certificates { authority, server, service_account_key, service_account_public_key, others: _ } = certificates;
    home.write("ca.crt", authority)?;
    home.write("server.crt", &server.certificate)?;
    home.write("server.key", &server.key)?;
    home.write("service-account.key", service_account_key)?;
    home.write("service-account.pub", service_account_public_key)?;
    home.write("audit-policy.yaml", AUDIT_POLICY)?;
    remove_socket(home.path())
}

/// A socket left by a killed etcd would make the API server's first attempts fail.
pub(crate) fn remove_socket(dir: &Path) -> Result<(), Error> {
    match fs::remove_file(dir.join(ETCD_SOCKET)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove the old socket in", dir)(error)),
        _ => Ok(()),
    }
}

/// File names in all arguments are relative: each program runs in the control plane's folder.
pub(crate) fn etcd_arguments(quota: Option<u64>) -> Vec<String> {
    let mut arguments = owned(&ETCD_MEMBER);
    arguments.extend(owned(&[
        "--data-dir=etcd",
        "--unsafe-no-fsync",
        // A benchmark writes 100,000 objects many times over; the default of 2 GiB fills.
        &format!("--quota-backend-bytes={}", quota.unwrap_or(8_000_000_000)),
        &format!("--listen-client-urls={ETCD_URL}"),
        &format!("--advertise-client-urls={ETCD_URL}"),
        "--listen-peer-urls=http://127.0.0.1:0",
    ]));
    arguments
}

fn api_server_arguments(port: u16, audit_log: bool, controller_manager: bool) -> Vec<String> {
    let mut arguments = owned(&[
        &format!("--etcd-servers={ETCD_URL}"),
        "--bind-address=127.0.0.1",
        &format!("--secure-port={port}"),
        // Without these two it looks for a network interface to advertise, and does not start on a machine without one.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        "--tls-cert-file=server.crt",
        "--tls-private-key-file=server.key",
        "--client-ca-file=ca.crt",
        // A client's certificate is verified with each request, which would be a seventh of all that it computes.
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=service-account.pub",
        "--service-account-signing-key-file=service-account.key",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--allow-privileged",
        // Tests ask more at once than the users of a small cluster.
        "--max-requests-inflight=3000",
        "--max-mutating-requests-inflight=1000",
    ]);
    if !controller_manager {
        // It refuses Pods of a ServiceAccount `default`, which only the controller-manager makes.
        arguments.push("--disable-admission-plugins=ServiceAccount".to_owned());
    }
    if audit_log {
        arguments.extend(audit_arguments());
    }
    arguments
}

pub(crate) fn audit_arguments() -> Vec<String> {
    owned(&[
        "--audit-policy-file=audit-policy.yaml",
        "--audit-log-path=audit.log",
        // No rotation: tests read the whole of it.
        "--audit-log-maxsize=0",
    ])
}

pub(crate) fn controller_manager_arguments() -> Vec<String> {
    owned(&[
        "--kubeconfig=kubeconfig",
        "--service-account-private-key-file=service-account.key",
        "--root-ca-file=ca.crt",
        "--use-service-account-credentials",
        "--leader-elect=false",
        // Its metrics are not read.
        "--secure-port=0",
    ])
}

pub(crate) fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}

#[cfg(test)]
mod tests;

//! A machine with an empty cache, a Go that builds nothing real, and the real setup-envtest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use controlplane::{Program, Tools};
use sha2::{Digest as _, Sha512};
use tempfile::TempDir;

use super::server::Server;
use crate::eventually;

/// The path of the index.
pub const INDEX: &str = "/index.yaml";

/// What the Kubernetes project publishes in an archive.
pub const PUBLISHED: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

pub struct Stage {
    root: TempDir,
    pub server: Server,
}

/// What became of `controlplane tools etcd kube-apiserver kubectl`.
#[derive(Debug)]
pub struct Outcome {
    pub stderr: String,
    /// What the programs say.
    pub programs: Vec<String>,
    /// The Go packages that were built so far, but for setup-envtest.
    pub built: String,
}

impl Stage {
    pub fn new() -> Stage {
        let root = tempfile::tempdir().unwrap();
        let tools = Tools::ensure(&[Program::SetupEnvtest]).unwrap();
        let go = root.path().join("bin/go");
        fs::create_dir(root.path().join("bin")).unwrap();
        fs::write(root.path().join("built"), "").unwrap();
        let script = format!(
            "#!/bin/sh
case $1 in env) echo go1.99.0; exit ;; list) exit ;; esac
for package; do :; done
while [ \"$1\" != -o ]; do shift; done
case $package in
*/setup-envtest) cp '{setup}' \"$2\" ;;
*) echo \"$package\" >>'{built}' && printf '#!/bin/sh\\necho built\\n' >\"$2\" && chmod +x \"$2\" ;;
esac\n",
            setup = tools.path(Program::SetupEnvtest).display(),
            built = root.path().join("built").display(),
        );
        fs::write(&go, script).unwrap();
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
        Stage { root, server: Server::start() }
    }

    pub fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    pub fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// With this index, and nothing of what the caller's environment says of downloading.
    pub fn command(&self, index: &str) -> Command {
        let path = format!("{}:{}", self.root.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
        command.arg("tools").args(PUBLISHED).env("PATH", path).env("TWINCONSENT_TOOLS_CACHE", self.cache());
        for variable in ["KUBEBUILDER_ASSETS", "ENVTEST_INSTALLED_ONLY", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(variable);
        }
        command.env("TWINCONSENT_ENVTEST_INDEX", index);
        command
    }

    pub fn start(&self, command: &mut Command) -> Child {
        let file = |name: &str| fs::File::create(self.root.path().join(name)).unwrap();
        command.stdout(file("stdout")).stderr(file("stderr")).stdin(Stdio::null()).spawn().unwrap()
    }

    pub fn run(&self, command: &mut Command) -> Outcome {
        let child = std::cell::RefCell::new(self.start(command));
        let said = |name: &str| fs::read_to_string(self.root.path().join(name)).unwrap();
        eventually("it ends", || child.borrow_mut().try_wait().unwrap().is_some());
        let status = child.borrow_mut().wait().unwrap();
        assert!(status.success(), "{status}: {}", said("stderr"));
        let stdout = said("stdout");
        let paths: Vec<&str> = stdout.lines().map(|line| line.split_once('\t').unwrap().1).collect();
        assert_eq!(paths.len(), PUBLISHED.len(), "{stdout}");
        let programs = paths.iter().map(|path| String::from_utf8(Command::new(path).output().unwrap().stdout).unwrap().trim().to_owned());
        Outcome { stderr: said("stderr"), programs: programs.collect(), built: said("built") }
    }

    /// An archive as it is published, of programs that tell this version.
    pub fn archive(&self, version: &str, programs: &[&str]) -> Vec<u8> {
        let folder = self.root.path().join(format!("archive-{version}"));
        let inner = folder.join("controller-tools/envtest");
        fs::create_dir_all(&inner).unwrap();
        for name in programs {
            let path = inner.join(name);
            fs::write(&path, format!("#!/bin/sh\necho {version}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let output = Command::new("tar").arg("-C").arg(&folder).args(["-czf", "-", "controller-tools"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    /// What is left in the cache of downloads, but for the programs.
    pub fn left(&self) -> Vec<PathBuf> {
        let mut folders = fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path());
        let folder = folders.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("envtest-")).unwrap();
        let inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        inside.filter(|path| !["bin", "lock"].map(Path::new).contains(&Path::new(path.file_name().unwrap()))).collect()
    }
}

/// The pinned version of Kubernetes without its patch, such as `1.37`.
pub fn minor() -> String {
    let module = include_str!("../../../../../tools/kubernetes/go.mod");
    let version = module.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v")).unwrap();
    version.rsplit_once('.').unwrap().0.to_owned()
}

/// An index in the Kubernetes project's form, with an archive for each platform that this test may run on.
pub fn index(releases: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut yaml = "releases:\n".to_owned();
    for (version, address, archive) in releases {
        let hash: String = Sha512::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
        yaml += &format!("  v{version}:\n");
        for platform in ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"] {
            yaml += &format!("    envtest-v{version}-{platform}.tar.gz:\n      hash: {hash}\n      selfLink: {address}\n");
        }
    }
    yaml.into_bytes()
}

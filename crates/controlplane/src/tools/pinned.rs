//! What is pinned in `tools/`: one Go module for each project, so that their dependencies need not agree.
//!
//! The modules are part of the binary, which therefore works outside the repository too.

use sha2::{Digest as _, Sha256};

use super::Program;

/// Part of every build, and of the cache's key.
pub(super) const LINKER_FLAGS: &str = "-s -w";

/// One folder of `tools/`.
#[derive(Debug)]
pub(super) struct Module {
    name: &'static str,
    pub(super) go_mod: &'static str,
    pub(super) go_sum: &'static str,
    /// The Go files of ours in it, as pairs of path and text: mains that pick the parts of a library, or need none.
    pub(super) sources: &'static [(&'static str, &'static str)],
    /// Go's build tags, for parts that can be left out.
    pub(super) tags: &'static [&'static str],
}

/// A module that pins programs of others, without sources of ours.
macro_rules! module {
    ($name:literal) => {
        Module {
            name: $name,
            go_mod: include_str!(concat!("../../../../tools/", $name, "/go.mod")),
            go_sum: include_str!(concat!("../../../../tools/", $name, "/go.sum")),
            sources: &[],
            tags: &[],
        }
    };
}

static ETCD: Module = module!("etcd");
static ETCDUTL: Module = module!("etcdutl");
static KUBERNETES: Module = module!("kubernetes");
static KUBERNETES_OLDEST: Module = module!("kubernetes-1.33");
static HELM: Module = module!("helm");
static CONTAINERD: Module = module!("containerd");
static CNI: Module = module!("cni");
static COREDNS: Module = Module {
    name: "coredns",
    go_mod: include_str!("../../../../tools/coredns/go.mod"),
    go_sum: include_str!("../../../../tools/coredns/go.sum"),
    sources: &[("main.go", include_str!("../../../../tools/coredns/main.go"))],
    tags: &[],
};
static PODS: Module = Module {
    name: "pods",
    go_mod: include_str!("../../../../tools/pods/go.mod"),
    go_sum: "", // the standard library only
    sources: &[
        ("pause/main.go", include_str!("../../../../tools/pods/pause/main.go")),
        ("probe/main.go", include_str!("../../../../tools/pods/probe/main.go")),
    ],
    tags: &[],
};
static FLUX_SOURCE_CONTROLLER: Module = module!("flux-source-controller");
static FLUX_KUSTOMIZE_CONTROLLER: Module = module!("flux-kustomize-controller");

static HELM3: Module = module!("helm3");
static HELM_UNITTEST: Module = module!("helm-unittest");
static HELM_DOCS: Module = module!("helm-docs");
static KUBECONFORM: Module = module!("kubeconform");
static KUBE_SCORE: Module = module!("kube-score");
// Tests of rules discover no target; without what is linked for that, the build takes three quarters of the time.
static PROMTOOL: Module = Module { tags: &["remove_all_sd"], ..module!("promtool") };
static VICTORIA_LOGS: Module = module!("victoria-logs");
static SETUP_ENVTEST: Module = module!("setup-envtest");

/// The module that pins a program.
///
/// # Panics
/// For a program that is not built with Go; see [`Program::debian_packages`].
pub(super) fn module(program: Program) -> &'static Module {
    match program {
        Program::Etcd => &ETCD,
        Program::Etcdutl => &ETCDUTL,
        Program::KubeApiserver
        | Program::KubeControllerManager
        | Program::Kubectl
        | Program::Kubelet
        | Program::KubeScheduler
        | Program::KubeProxy => &KUBERNETES,
        Program::KubeApiserverOldest => &KUBERNETES_OLDEST,
        Program::Helm => &HELM,
        Program::Helm3 => &HELM3,
        Program::HelmUnittest => &HELM_UNITTEST,
        Program::HelmDocs => &HELM_DOCS,
        Program::Kubeconform => &KUBECONFORM,
        Program::KubeScore => &KUBE_SCORE,
        Program::Promtool => &PROMTOOL,
        Program::VictoriaLogs => &VICTORIA_LOGS,
        Program::Containerd | Program::ContainerdShimRuncV2 | Program::Ctr => &CONTAINERD,
        Program::Ptp | Program::Loopback | Program::HostLocal => &CNI,
        Program::Coredns => &COREDNS,
        Program::Pause | Program::Probe => &PODS,
        Program::Runc | Program::Nft | Program::DockerRegistry | Program::Chromium => unreachable!("{program} is packaged by Debian"),
        Program::FluxSourceController => &FLUX_SOURCE_CONTROLLER,
        Program::FluxKustomizeController => &FLUX_KUSTOMIZE_CONTROLLER,
        Program::SetupEnvtest => &SETUP_ENVTEST,
    }
}

/// The Go package of a program; empty when it is not built with Go.
pub(super) fn package(program: Program) -> &'static str {
    match program {
        Program::Etcd => "go.etcd.io/etcd/server/v3",
        Program::Etcdutl => "go.etcd.io/etcd/etcdutl/v3",
        Program::KubeApiserver | Program::KubeApiserverOldest => "k8s.io/kubernetes/cmd/kube-apiserver",
        Program::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
        Program::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        Program::Helm => "helm.sh/helm/v4/cmd/helm",
        Program::Helm3 => "helm.sh/helm/v3/cmd/helm",
        Program::HelmUnittest => "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
        Program::HelmDocs => "github.com/norwoodj/helm-docs/cmd/helm-docs",
        Program::Kubeconform => "github.com/yannh/kubeconform/cmd/kubeconform",
        Program::KubeScore => "github.com/zegl/kube-score/cmd/kube-score",
        Program::Promtool => "github.com/prometheus/prometheus/cmd/promtool",
        Program::VictoriaLogs => "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs",
        Program::Kubelet => "k8s.io/kubernetes/cmd/kubelet",
        Program::KubeScheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
        Program::KubeProxy => "k8s.io/kubernetes/cmd/kube-proxy",
        Program::Containerd => "github.com/containerd/containerd/v2/cmd/containerd",
        Program::ContainerdShimRuncV2 => "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        Program::Ctr => "github.com/containerd/containerd/v2/cmd/ctr",
        Program::Ptp => "github.com/containernetworking/plugins/plugins/main/ptp",
        Program::Loopback => "github.com/containernetworking/plugins/plugins/main/loopback",
        Program::HostLocal => "github.com/containernetworking/plugins/plugins/ipam/host-local",
        Program::Coredns => "twinconsent.io/tools/coredns",
        Program::Pause => "twinconsent.io/tools/pods/pause",
        Program::Probe => "twinconsent.io/tools/pods/probe",
        Program::Runc | Program::Nft | Program::DockerRegistry | Program::Chromium => "",
        Program::FluxSourceController => "github.com/fluxcd/source-controller",
        Program::FluxKustomizeController => "github.com/fluxcd/kustomize-controller",
        Program::SetupEnvtest => "sigs.k8s.io/controller-runtime/tools/setup-envtest",
    }
}

/// How many packages a program is compiled from, about, as `go list -deps` counted them: for an estimate before it has counted anew.
/// Programs of one module share most of theirs.
pub(super) fn usual_packages(program: Program) -> u32 {
    match program {
        Program::KubeApiserver | Program::KubeApiserverOldest | Program::FluxSourceController | Program::FluxKustomizeController => 2000,
        Program::Helm | Program::Helm3 | Program::Containerd | Program::Promtool => 1000,
        Program::Etcd | Program::Etcdutl | Program::Coredns | Program::HelmUnittest => 500,
        Program::KubeControllerManager | Program::Kubelet => 400,
        _ => 200,
    }
}

/// The version of a program, such as `v1.37.2`; one of ours has none.
pub(super) fn version(program: Program) -> Option<&'static str> {
    let package = match program {
        Program::Coredns => "github.com/coredns/coredns", // its `main` is ours
        other => package(other),
    };
    module(program).version_of(package)
}

/// The flags for Go's linker.
///
/// Kubernetes learns its version from them; without it, it reports `v0.0.0-master`, at which tools that compare
/// versions stumble.
pub(super) fn linker_flags(program: Program) -> String {
    let kubernetes = package(program).starts_with("k8s.io/kubernetes/");
    match version(program).filter(|_| kubernetes) {
        None => LINKER_FLAGS.to_owned(),
        Some(version) => {
            let mut numbers = version.trim_start_matches('v').split('.');
            let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
            let package = "k8s.io/component-base/version";
            format!("{LINKER_FLAGS} -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}")
        }
    }
}

impl Module {
    /// The folder in the cache; another content has another folder.
    pub(super) fn cache_folder(&self) -> String {
        let mut hash = Sha256::new();
        let sources = self.sources.iter().flat_map(|&(path, text)| [path, text]);
        for part in [self.go_mod, self.go_sum, LINKER_FLAGS].into_iter().chain(sources).chain(self.tags.iter().copied()) {
            // The length keeps apart what concatenation would confuse.
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let key: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{key}", self.name)
    }

    /// The oldest Go that builds it, such as `1.26.0`.
    pub(super) fn go_version(&self) -> &'static str {
        self.go_mod.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default().trim()
    }

    /// The version of the required module that holds `package`: the one with the longest path.
    fn version_of(&self, package: &str) -> Option<&'static str> {
        self.go_mod
            .lines()
            .map(|line| line.trim().trim_start_matches("require "))
            .filter(|line| !line.contains("=>"))
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?, words.next()?))
            })
            .filter(|(path, version)| {
                let rest = package.strip_prefix(path);
                version.starts_with('v') && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|(path, _)| path.len())
            .map(|(_, version)| version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_packaged_or_ours_or_a_tool_with_a_pinned_version() {
        for &program in <Program as clap::ValueEnum>::value_variants() {
            if !program.debian_packages().is_empty() {
                continue;
            }
            let (module, package) = (module(program), package(program));
            if let Some(folder) = package.strip_prefix("twinconsent.io/tools/") {
                let main = format!("{folder}/main.go");
                assert!(module.sources.iter().any(|(path, _)| main == format!("{}/{path}", module.name)), "{main} is not there");
            } else {
                let tools = module.go_mod.split("require").next();
                assert!(tools.is_some_and(|tools| tools.contains(package)), "{package} is no tool");
                let version = version(program).unwrap_or_default();
                assert!(version.starts_with('v'), "{program}: {version:?}");
            }
        }
        assert!(version(Program::Coredns).is_some());
    }

    #[test]
    fn what_etcd_writes_its_tool_reads() {
        assert_eq!(version(Program::Etcd), version(Program::Etcdutl));
    }

    #[test]
    fn kubernetes_programs_are_told_their_version_by_the_linker() {
        let flags = linker_flags(Program::KubeApiserver);
        let version = version(Program::KubeApiserver).unwrap_or_default();
        assert!(flags.contains(&format!(".gitVersion={version} ")), "{flags}");
        let numbers: Vec<&str> = version.trim_start_matches('v').split('.').collect();
        assert!(flags.contains(&format!(".gitMajor={} ", numbers[0])), "{flags}");
        assert!(flags.ends_with(&format!(".gitMinor={}", numbers[1])), "{flags}");
        assert_eq!(linker_flags(Program::Helm), LINKER_FLAGS);
    }

    #[test]
    fn another_pin_has_another_folder_in_the_cache() {
        let pinned = module(Program::Etcd);
        let other = Module { name: pinned.name, go_mod: pinned.go_mod, go_sum: "", sources: &[], tags: &[] };
        assert_ne!(pinned.cache_folder(), other.cache_folder());
        let ours = module(Program::Probe);
        let changed =
            Module { name: ours.name, go_mod: ours.go_mod, go_sum: ours.go_sum, sources: &[("pause/main.go", "package main")], tags: &[] };
        assert_ne!(ours.cache_folder(), changed.cache_folder());
        let tagged = Module { name: pinned.name, go_mod: pinned.go_mod, go_sum: pinned.go_sum, sources: &[], tags: &["x"] };
        assert_ne!(pinned.cache_folder(), tagged.cache_folder());
    }
}

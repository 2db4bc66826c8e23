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
}

static ETCD: Module =
    Module { name: "etcd", go_mod: include_str!("../../../../tools/etcd/go.mod"), go_sum: include_str!("../../../../tools/etcd/go.sum") };
static KUBERNETES: Module = Module {
    name: "kubernetes",
    go_mod: include_str!("../../../../tools/kubernetes/go.mod"),
    go_sum: include_str!("../../../../tools/kubernetes/go.sum"),
};
static HELM: Module =
    Module { name: "helm", go_mod: include_str!("../../../../tools/helm/go.mod"), go_sum: include_str!("../../../../tools/helm/go.sum") };
static FLUX_SOURCE_CONTROLLER: Module = Module {
    name: "flux-source-controller",
    go_mod: include_str!("../../../../tools/flux-source-controller/go.mod"),
    go_sum: include_str!("../../../../tools/flux-source-controller/go.sum"),
};
static FLUX_KUSTOMIZE_CONTROLLER: Module = Module {
    name: "flux-kustomize-controller",
    go_mod: include_str!("../../../../tools/flux-kustomize-controller/go.mod"),
    go_sum: include_str!("../../../../tools/flux-kustomize-controller/go.sum"),
};

/// The module that pins a program.
pub(super) fn module(program: Program) -> &'static Module {
    match program {
        Program::Etcd => &ETCD,
        Program::KubeApiserver | Program::KubeControllerManager | Program::Kubectl => &KUBERNETES,
        Program::Helm => &HELM,
        Program::FluxSourceController => &FLUX_SOURCE_CONTROLLER,
        Program::FluxKustomizeController => &FLUX_KUSTOMIZE_CONTROLLER,
    }
}

/// The Go package of a program.
pub(super) fn package(program: Program) -> &'static str {
    match program {
        Program::Etcd => "go.etcd.io/etcd/server/v3",
        Program::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
        Program::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
        Program::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        Program::Helm => "helm.sh/helm/v4/cmd/helm",
        Program::FluxSourceController => "github.com/fluxcd/source-controller",
        Program::FluxKustomizeController => "github.com/fluxcd/kustomize-controller",
    }
}

/// The version of a program, such as `v1.37.2`.
pub(super) fn version(program: Program) -> Option<&'static str> {
    module(program).version_of(package(program))
}

/// The flags for Go's linker.
///
/// Kubernetes learns its version from them; without it, it reports `v0.0.0-master`, at which tools that compare
/// versions stumble.
pub(super) fn linker_flags(program: Program) -> String {
    let kubernetes = std::ptr::eq(module(program), &KUBERNETES);
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
        for part in [self.go_mod, self.go_sum, LINKER_FLAGS] {
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
    fn every_program_has_a_pinned_version_and_is_a_tool_of_its_module() {
        for program in Program::ALL {
            let version = version(program).unwrap_or_default();
            assert!(version.starts_with('v'), "{program}: {version:?}");
            let tool = package(program);
            let tools = module(program).go_mod.split("require").next();
            assert!(tools.is_some_and(|tools| tools.contains(tool)), "{tool} is no tool");
        }
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
        let other = Module { name: pinned.name, go_mod: pinned.go_mod, go_sum: "" };
        assert_ne!(pinned.cache_folder(), other.cache_folder());
    }
}

//! The settings of the node's programs: files, and arguments.
//!
//! Paths in arguments are relative where they can be: each program runs in the node's folder.

use std::path::Path;

use super::{NAME, addresses};
use crate::Error;
use crate::home::Home;
use crate::plane::{ETCD_URL, audit_arguments, owned};

/// containerd's socket, in the world's own `/run`.
pub(super) const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";

/// The image of each pod's first process.
pub(super) const PAUSE_IMAGE: &str = "localhost/pause:1";

/// Where kube-proxy and CoreDNS say that they are ready.
pub(super) const PROXY_HEALTH: &str = "127.0.0.1:10256";
pub(super) const DNS_HEALTH: &str = "127.0.0.1:8181";

/// Writes the settings that are files.
pub(super) fn write(home: &Home) -> Result<(), Error> {
    let folder = home.path();
    let cni = folder.join("cni-settings");
    std::fs::create_dir_all(&cni).map_err(Error::io("make the folder", &cni))?;
    home.write("cni-settings/10-pods.conflist", &cni_settings())?;
    home.write("containerd.toml", &containerd(folder))?;
    home.write("Corefile", &coredns())?;
    home.write("kubelet.yaml", &kubelet(folder))?;
    home.write("kube-proxy.yaml", &kube_proxy())?;
    Ok(())
}

/// `ptp` gives each pod a cable of its own to the node, and needs no filter on bridges, which `bridge` does.
fn cni_settings() -> String {
    format!(
        r#"{{"cniVersion": "1.0.0", "name": "pods", "plugins": [{{
  "type": "ptp", "ipMasq": false, "mtu": 1500,
  "ipam": {{"type": "host-local", "ranges": [[{{"subnet": "{pods}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}], "dataDir": "/run/pod-addresses"}}
}}]}}
"#,
        pods = addresses::PODS
    )
}

fn containerd(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "version = 3
root = '{folder}/containerd'
state = '/run/containerd'
imports = []
[grpc]
  address = '{CONTAINERD_SOCKET}'
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  # Root without the right to go below a score, as in many containers and sandboxes, could start no pod.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = '{folder}/bin/runc'
      SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['{folder}/bin']
    conf_dir = '{folder}/cni-settings'
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.internal.v1.opt']
  path = '{folder}/opt'
"
    )
}

/// No forwarding: a name of the world outside is refused, as nothing could reach it.
fn coredns() -> String {
    format!(
        ".:53 {{
  bind {node}
  errors
  ready {DNS_HEALTH}
  kubernetes cluster.local in-addr.arpa ip6.arpa {{
    kubeconfig coredns.kubeconfig controlplane
    ttl 5
  }}
}}
",
        node = addresses::NODE
    )
}

fn kubelet(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://{CONTAINERD_SOCKET}
cgroupDriver: cgroupfs
# A machine with the first version of cgroups is good enough for tests.
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
address: {node}
healthzBindAddress: 127.0.0.1
authentication: {{anonymous: {{enabled: false}}, webhook: {{enabled: true}}, x509: {{clientCAFile: '{folder}/ca.crt'}}}}
authorization: {{mode: Webhook}}
tlsCertFile: '{folder}/kubelet.crt'
tlsPrivateKeyFile: '{folder}/kubelet.key'
clusterDNS: [{node}]
clusterDomain: cluster.local
resolvConf: ''
podLogsDir: '{folder}/pod-logs'
volumePluginDir: '{folder}/volume-plugins'
seccompDefault: true
# The disk is the machine's, and as full as it is: it neither drives pods away, nor images, which cannot be had again.
evictionHard: {{nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}}
imageGCHighThresholdPercent: 100
# An image that was imported may have been pulled under another name as well, and stays everybody's.
imagePullCredentialsVerificationPolicy: NeverVerify
",
        node = addresses::NODE
    )
}

fn kube_proxy() -> String {
    format!(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: {NAME}
bindAddress: {node}
healthzBindAddress: {PROXY_HEALTH}
metricsBindAddress: 127.0.0.1:10249
clusterCIDR: {pods}
clientConnection: {{kubeconfig: kube-proxy.kubeconfig}}
# A setting of the kernel that it would write.
conntrack: {{maxPerCore: 0}}
",
        node = addresses::NODE,
        pods = addresses::PODS
    )
}

pub(super) fn containerd_arguments() -> Vec<String> {
    owned(&["--config=containerd.toml"])
}

pub(super) fn coredns_arguments() -> Vec<String> {
    owned(&["-conf=Corefile"])
}

pub(super) fn api_server_arguments(audit_log: bool) -> Vec<String> {
    let mut arguments = owned(&[
        &format!("--etcd-servers={ETCD_URL}"),
        &format!("--bind-address={}", addresses::NODE),
        &format!("--advertise-address={}", addresses::NODE),
        &format!("--secure-port={}", addresses::API_PORT),
        "--tls-cert-file=server.crt",
        "--tls-private-key-file=server.key",
        "--client-ca-file=ca.crt",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=service-account.pub",
        "--service-account-signing-key-file=service-account.key",
        &format!("--service-cluster-ip-range={}", addresses::SERVICES),
        "--allow-privileged",
        // For logs, exec and port-forward.
        "--kubelet-client-certificate=administrator.crt",
        "--kubelet-client-key=administrator.key",
        "--kubelet-certificate-authority=ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
    ]);
    if audit_log {
        arguments.extend(audit_arguments());
    }
    arguments
}

pub(super) fn controller_manager_arguments() -> Vec<String> {
    owned(&[
        "--kubeconfig=kube-controller-manager.kubeconfig",
        "--service-account-private-key-file=service-account.key",
        "--root-ca-file=ca.crt",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--secure-port=0",
    ])
}

pub(super) fn scheduler_arguments() -> Vec<String> {
    owned(&["--kubeconfig=kube-scheduler.kubeconfig", "--leader-elect=false", "--secure-port=0"])
}

pub(super) fn kubelet_arguments(folder: &Path) -> Vec<String> {
    owned(&[
        "--config=kubelet.yaml",
        "--kubeconfig=kubelet.kubeconfig",
        // It looks up the mount point of this one.
        &format!("--root-dir={}", folder.join("kubelet").display()),
        &format!("--hostname-override={NAME}"),
        &format!("--node-ip={}", addresses::NODE),
        "--v=2",
    ])
}

pub(super) fn kube_proxy_arguments() -> Vec<String> {
    owned(&["--config=kube-proxy.yaml"])
}

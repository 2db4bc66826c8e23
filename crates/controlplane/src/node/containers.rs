//! What a test does to the containers of a node, from outside.

use std::process::{Command, Stdio};

use super::Node;
use crate::Error;

impl Node {
    /// The processes of a container, as seen from outside.
    ///
    /// # Errors
    /// [`Error::Kubectl`] when there is no such pod; [`Error::NoContainer`] when the container does not run.
    pub fn container_pids(&self, namespace: &str, pod: &str, container: &str) -> Result<Vec<u32>, Error> {
        let id = format!("jsonpath={{.status.containerStatuses[?(@.name==\"{container}\")].containerID}}");
        let id = self.kubectl_ok(&["get", "pod", pod, "--namespace", namespace, "--output", &id])?;
        // The kubelet names the container's cgroup by its id.
        let pids = match id.trim().rsplit_once("//") {
            Some((_, id)) if !id.is_empty() => self.world().pids(Some(id)),
            _ => Vec::new(),
        };
        if pids.is_empty() {
            return Err(Error::NoContainer { namespace: namespace.to_owned(), pod: pod.to_owned(), container: container.to_owned() });
        }
        Ok(pids)
    }

    /// Kills the processes of a container by SIGKILL, as the kernel does when memory runs out.
    /// The kubelet then starts it again.
    ///
    /// # Errors
    /// As [`Node::container_pids`].
    pub fn kill_container(&self, namespace: &str, pod: &str, container: &str) -> Result<(), Error> {
        let pids = self.container_pids(namespace, pod, container)?;
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -KILL \"$@\"", "kill"]).args(pids.iter().map(u32::to_string));
        let status = kill.stderr(Stdio::null()).status().map_err(Error::io("run", std::path::Path::new("sh")))?;
        // One that ended in the meantime is as good as killed, but for the first there must be a process to kill.
        if status.success() || self.world().pids(None).iter().all(|pid| !pids.contains(pid)) {
            return Ok(());
        }
        Err(Error::NoContainer { namespace: namespace.to_owned(), pod: pod.to_owned(), container: container.to_owned() })
    }
}

//! A registry of images in the node's network, as clusters pull from.

use controlplane::{Companion, Program, Tools};
use tempfile::TempDir;

use crate::cluster::{Cluster, eventually};

/// What its images' names begin with. Engines and nodes take a registry at `localhost` without TLS.
pub const NAME: &str = "localhost:5000/team";

/// A running registry, empty at first.
pub struct Registry {
    _process: Companion,
    _images: TempDir,
}

impl Registry {
    pub fn start(cluster: &Cluster) -> Self {
        let images = TempDir::new().unwrap();
        let settings = images.path().join("settings.yaml");
        let storage = format!("{{filesystem: {{rootdirectory: '{}'}}, cache: {{blobdescriptor: inmemory}}}}", images.path().display());
        std::fs::write(&settings, format!("version: 0.1\nstorage: {storage}\nhttp: {{addr: '127.0.0.1:5000', secret: of-a-test}}\n"))
            .unwrap();
        let program = Tools::ensure(&[Program::DockerRegistry]).unwrap().path(Program::DockerRegistry).to_path_buf();
        let arguments = ["serve".to_owned(), settings.display().to_string()];
        let process = cluster.node().start_beside("registry", &program, &arguments).unwrap();
        eventually("the registry answers", || {
            process.check().map_err(|error| error.to_string())?;
            cluster.try_kubectl(&["get", "--server", "http://localhost:5000", "--raw", "/v2/"])
        });
        Self { _process: process, _images: images }
    }
}

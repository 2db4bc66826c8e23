//! The cluster, by the caller's kubeconfig and rights alone.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};

use crate::error::Error;

/// How long a connection may take to be made: a person waits.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster, and where in it: as kubectl has it.
#[derive(Debug, Clone, Default, Args)]
pub struct Cluster {
    /// The namespace. [default: that of the context]
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// The context of the kubeconfig. [default: its current one]
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub context: Option<String>,

    /// The kubeconfig. [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// One namespace, or all: for the commands that read many objects.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Scope {
    /// All namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
}

/// A cluster, and where in it a command works.
#[derive(Clone)]
pub struct Context {
    /// The API server, with the caller's rights.
    pub client: Client,
    /// The namespace of objects that are named without one.
    pub namespace: String,
    /// The address of the API server, for messages.
    server: String,
}

impl Context {
    /// The cluster that the command line and the kubeconfig name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When there is no kubeconfig, or it cannot be used.
    pub async fn of(cluster: &Cluster) -> Result<Self, Error> {
        let kubeconfig = match &cluster.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        let options = KubeConfigOptions { context: cluster.context.clone(), ..KubeConfigOptions::default() };
        let config = match kubeconfig {
            Ok(kubeconfig) => kube::Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        };
        Self::with(config.map_err(|error| unusable(&error))?, cluster.namespace.as_deref())
    }

    /// A cluster that was found already, in its own namespace or in this one.
    ///
    /// # Errors
    /// When no client can be made of it.
    pub fn with(mut config: kube::Config, namespace: Option<&str>) -> Result<Self, Error> {
        if let Some(namespace) = namespace {
            namespace.clone_into(&mut config.default_namespace);
        }
        config.connect_timeout = Some(CONNECT);
        let (namespace, server) = (config.default_namespace.clone(), config.cluster_url.to_string());
        let server = server.trim_end_matches('/').to_owned();
        let client = Client::try_from(config).map_err(|error| Error::of(&server, "use this kubeconfig", &error))?;
        Ok(Self { client, namespace, server })
    }

    /// The same cluster, at work in another namespace.
    #[must_use]
    pub fn at(&self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self.clone() }
    }

    /// The objects of a namespaced kind, in the namespace of this context. Consents are read and changed by [`objects`](crate::objects).
    #[must_use]
    pub fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The namespace to read many objects in; `None` stands for all.
    #[must_use]
    pub fn within(&self, scope: Scope) -> Option<&str> {
        (!scope.all_namespaces).then_some(&self.namespace)
    }

    /// What an error of the client means for the user, after an attempt such as `list consents`.
    #[must_use]
    pub fn failed(&self, attempt: &str, error: &kube::Error) -> Error {
        Error::of(&self.server, attempt, error)
    }
}

fn unusable(error: &KubeconfigError) -> Error {
    let next = "Set KUBECONFIG or --kubeconfig to a file that kubectl can use; `kubectl config get-contexts` shows what is in it.";
    // The first line: what a YAML reader adds below it is a part of the kubeconfig, with the credentials in it.
    let text = error.to_string();
    Error::failed(format!("there is no usable kubeconfig: {}", text.lines().next().unwrap_or_default())).then(next)
}

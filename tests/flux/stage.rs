//! A world with Flux in it: the examples' Kustomizations, applied from a git repository of the test's own.

use std::ops::Deref;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use controlplane::{Companion, Program};
use heygen_simulator::GroupDefinition;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::definitions;
use crate::git::Repository;
use crate::support::operator::free_address;
use crate::support::{Scene, World, eventually, eventually_within, plane};

/// How long Flux may take for what it does by itself, on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(100);

/// Flux's controllers, one of each for all tests; they end with this process.
static FLUX: LazyLock<Flux> = LazyLock::new(Flux::start);

struct Flux {
    source: Companion,
    kustomize: Companion,
}

impl Flux {
    fn start() -> Self {
        for definition in definitions::all() {
            plane().apply(&definition).unwrap();
        }
        plane().kubectl_ok(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).unwrap();
        let storage = plane().dir().join("flux");
        std::fs::create_dir_all(&storage).unwrap();
        let owned = |arguments: &[&str]| arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>();
        // They listen on loopback only, and leave nothing outside the control plane's folder.
        let common = ["--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0", "--enable-leader-election=false", "--concurrent=20"];
        let environment = [("RUNTIME_NAMESPACE", "default"), ("TMPDIR", storage.to_str().unwrap())];
        let address = free_address();
        let mut arguments = owned(&common);
        arguments.extend([
            format!("--storage-path={}", storage.display()),
            format!("--storage-addr={address}"),
            format!("--storage-adv-addr={address}"),
        ]);
        let source = plane().start_beside(Program::FluxSourceController, &arguments, &environment).unwrap();
        let mut arguments = owned(&common);
        arguments.push("--requeue-dependency=1s".to_owned());
        let kustomize = plane().start_beside(Program::FluxKustomizeController, &arguments, &environment).unwrap();
        Self { source, kustomize }
    }

    fn check(&self) {
        self.source.check().unwrap();
        self.kustomize.check().unwrap();
    }
}

/// A world with an operator, a repository with the content of the examples, and Flux.
pub struct Stage {
    scene: Scene,
    /// The repository.
    pub repository: Repository,
}

impl Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

/// The names in the examples' repository, each with the folder of its file.
const PEOPLE: [(&str, &str); 3] = [("consents", "ada"), ("invitations", "grace"), ("invitations", "katherine")];

impl Stage {
    /// A world in which the persons of the examples have groups at HeyGen, and nothing is applied yet but the source.
    pub async fn start(name: &str) -> Self {
        flux_runs().await;
        let scene = Scene::of(World::start(name).await, &[]).await;
        let repository = Repository::with(&examples().join("repository")).await;
        for (folder, person) in PEOPLE {
            // The examples use the account of the cluster; each test has one of its own.
            let path = format!("{folder}/{person}.yaml");
            let mut consent: Value = serde_saphyr::from_str(&repository.read(&path)).unwrap();
            consent["spec"]["accountRef"] = json!({ "kind": "HeyGenAccount", "name": scene.namespace });
            repository.write(&path, &serde_saphyr::to_string(&consent).unwrap());
            scene.simulator.create_group(GroupDefinition::twin(consent["spec"]["groupID"].as_str().unwrap())).unwrap();
        }
        let stage = Self { scene, repository };
        stage.apply("source.yaml", json!({ "url": stage.repository.url() })).await;
        stage
    }

    /// The avatar group of a person.
    pub fn group(&self, person: &str) -> String {
        let (folder, _) = PEOPLE.iter().find(|(_, name)| *name == person).unwrap();
        let consent: Value = serde_saphyr::from_str(&self.repository.read(&format!("{folder}/{person}.yaml"))).unwrap();
        consent["spec"]["groupID"].as_str().unwrap().to_owned()
    }

    /// Applies a manifest of the examples in the test's namespace, with these fields of its spec instead of the example's.
    ///
    /// Intervals become short; what Flux does at an interval is nothing that these tests are about.
    pub async fn apply(&self, file: &str, changes: Value) {
        let mut manifest: Value = serde_saphyr::from_str(&std::fs::read_to_string(examples().join(file)).unwrap()).unwrap();
        manifest["metadata"]["namespace"] = json!(self.namespace);
        let spec = manifest["spec"].as_object_mut().unwrap();
        if spec.contains_key("targetNamespace") {
            spec.insert("targetNamespace".to_owned(), json!(self.namespace));
            spec.insert("retryInterval".to_owned(), json!("3s"));
        }
        spec.extend(changes.as_object().unwrap().clone());
        let (kind, name) = (manifest["kind"].as_str().unwrap(), manifest["metadata"]["name"].as_str().unwrap());
        self.flux(kind).patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&manifest)).await.unwrap();
    }

    /// Objects of a kind of Flux's in the test's namespace.
    fn flux(&self, kind: &str) -> Api<DynamicObject> {
        let group = if kind == "GitRepository" { "source.toolkit.fluxcd.io" } else { "kustomize.toolkit.fluxcd.io" };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Lets Flux fetch the repository now, and waits until it has this commit.
    pub async fn fetched(&self, commit: &str) {
        self.reconcile("GitRepository", "studio").await;
        let api = self.flux("GitRepository");
        eventually("Flux has the commit", || async {
            let source = api.get("studio").await.map_err(|error| error.to_string())?;
            let revision = source.data["status"]["artifact"]["revision"].as_str().unwrap_or_default().to_owned();
            if revision.ends_with(commit) { Ok(()) } else { Err(format!("{}", source.data["status"])) }
        })
        .await;
    }

    /// Asks Flux to go over an object now, and waits until it has begun and, for a Kustomization, ended doing so.
    pub async fn reconcile(&self, kind: &str, name: &str) {
        let api = self.flux(kind);
        let before = api.get(name).await.unwrap();
        let at = format!("{}-{}", before.resource_version().unwrap_or_default(), self.namespace);
        let patch = json!({ "metadata": { "annotations": { "reconcile.fluxcd.io/requestedAt": at } } });
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        eventually_within(DEADLINE, "Flux has gone over it", || async {
            FLUX.check();
            let status = api.get(name).await.map_err(|error| error.to_string())?.data["status"].clone();
            if status["lastHandledReconcileAt"] == at.as_str() { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    }

    /// Waits until `Ready` of a Kustomization is this, with this reason and these words in its message, and returns the message.
    ///
    /// Also with words of the message of `Reconciling`, as long as Flux is at it: then it says there what it is doing.
    pub async fn until_kustomization(&self, name: &str, (status, reason): (&str, &str), words: &str) -> String {
        let api = self.flux("Kustomization");
        eventually_within(DEADLINE, &format!("{name}: {status} {reason} {words}"), || async {
            FLUX.check();
            let kustomization = api.get(name).await.map_err(|error| error.to_string())?;
            let conditions = kustomization.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let messages: Vec<&str> = conditions.iter().filter_map(|condition| condition["message"].as_str()).collect();
            let message = messages.join("; ");
            let is_ready =
                |condition: &Value| condition["type"] == "Ready" && condition["status"] == status && condition["reason"] == reason;
            if conditions.iter().any(is_ready) && message.contains(words) { Ok(message) } else { Err(format!("{conditions:?}")) }
        })
        .await
    }

    /// `Ready` of a Kustomization, now.
    pub async fn kustomization(&self, name: &str) -> (String, String) {
        let kustomization = self.flux("Kustomization").get(name).await.unwrap();
        let conditions = kustomization.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"))
    }

    /// Ends Flux's part in the world, then the world.
    ///
    /// The Kustomizations go first, while the operator runs: what they have applied goes with them.
    pub async fn end(self) {
        FLUX.check();
        let kustomizations = self.flux("Kustomization");
        kustomizations.delete_collection(&Default::default(), &Default::default()).await.unwrap();
        eventually_within(DEADLINE, "the Kustomizations are gone", || async {
            let left = kustomizations.list(&Default::default()).await.map_err(|error| error.to_string())?.items;
            if left.is_empty() { Ok(()) } else { Err(format!("{:?}", left.iter().map(|left| left.name_any()).collect::<Vec<_>>())) }
        })
        .await;
        let Self { scene, repository: _repository } = self;
        scene.end().await;
    }
}

/// Starts Flux, unless it runs.
pub async fn flux_runs() {
    // Programs are started (and at first built) in a thread that may wait.
    tokio::task::spawn_blocking(|| LazyLock::force(&FLUX).check()).await.unwrap();
}

/// The folder of the examples.
pub fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/gitops/flux"))
}

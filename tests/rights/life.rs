//! A life in which an operator asks Kubernetes for everything that it ever asks for.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use controlplane::ControlPlane;
use heygen_simulator::{FaultAction, FaultRule, GroupDefinition, PathKind};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::audit;
use crate::support::{OPERATOR_NAMESPACE, Operator, World, eventually};
use crate::{RELEASE, support};

/// The namespace of the consents, and the name of the accounts.
const TENANT: &str = "tenant";

/// An operator, and the world it serves.
pub struct Life {
    world: World,
    operator: Operator,
}

impl Life {
    /// Starts an operator that is logged in as its ServiceAccount.
    pub async fn begin(plane: &'static ControlPlane, kubeconfig: &Path, scoped: &[&str]) -> Self {
        let mut world = World::on(plane, "life").await;
        world.namespace = TENANT.to_owned();
        let mut arguments = vec!["--leader-elect=true".to_owned(), format!("--lease-name={RELEASE}")];
        arguments.push(format!("--operator-namespace={OPERATOR_NAMESPACE}"));
        arguments.push(format!("--heygen-base-url={}", world.base_url));
        arguments.extend(["--allow-insecure-base-url=true".to_owned(), "--log-filter=info,twinconsent=debug".to_owned()]);
        // Its key is in a Secret, which there is not yet.
        arguments.extend(["--return-page-url=https://consent.example.com".to_owned(), "--return-page-listen=127.0.0.1:0".to_owned()]);
        arguments.push(format!("--return-page-secret={RELEASE}-return-page"));
        if !scoped.is_empty() {
            arguments.push(format!("--watch-namespaces={}", scoped.join(",")));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let operator = Operator::start_with(kubeconfig.to_str().unwrap(), &arguments);
        operator.until_ready().await;
        Self { world, operator }
    }

    /// Lives it.
    pub async fn run(self) {
        self.with_both_accounts().await;
        self.with_a_link_secret().await;
        self.with_a_conflict().await;
        self.operator.terminate().await;
    }

    /// A Secret in either place, the labels of a namespace, a status and an event of each kind.
    async fn with_both_accounts(&self) {
        let world = &self.world;
        world.plane.kubectl_ok(&["label", "namespace", TENANT, "world=tenant"]).unwrap();
        world.secret(TENANT, TENANT, &world.key).await;
        world.account(json!({})).await;
        world.cluster_account(json!({ "allowedNamespaces": { "selector": { "matchLabels": { "world": "tenant" } } } })).await;
        let cluster_account = json!({ "kind": "ClusterHeyGenAccount", "name": TENANT });
        for (group, spec) in
            [("own", json!({ "groupID": "own" })), ("shared", json!({ "groupID": "shared", "accountRef": cluster_account }))]
        {
            world.simulator.create_group(GroupDefinition::twin(group)).unwrap();
            world.consent(group, spec).await;
            world.until(group, "AwaitingApproval").await;
        }
    }

    /// A Secret that is looked for, created, and replaced by the link of a later request.
    async fn with_a_link_secret(&self) {
        let world = &self.world;
        world.simulator.create_group(GroupDefinition::twin("secret")).unwrap();
        world.consent("secret", json!({ "groupID": "secret", "linkSecretRef": { "name": "link" } })).await;
        world.until("secret", "AwaitingApproval").await;
        world.change("secret", json!({ "requestEpoch": 1 })).await;
        world
            .until_it("secret", "the second request is recorded", |consent| {
                consent.status.as_ref().and_then(|status| status.initiation.as_ref()).is_some_and(|initiation| initiation.epoch == 1)
            })
            .await;
    }

    /// A spec that is edited while HeyGen is being asked: the status cannot be written, and the object is read again.
    async fn with_a_conflict(&self) {
        let world = &self.world;
        let slow = FaultRule::new(FaultAction::delay_after(Duration::from_secs(1))).on(PathKind::Consent).group("edited");
        world.simulator.add_fault(slow).unwrap();
        world.simulator.create_group(GroupDefinition::twin("edited")).unwrap();
        world.consent("edited", json!({ "groupID": "edited" })).await;
        let answered = AtomicBool::new(false);
        let edit = async {
            let mut number = 0;
            while !answered.load(Ordering::Relaxed) {
                number += 1;
                let interval = json!({ "spec": { "pollInterval": format!("{}s", 10 + number % 100) } });
                world.consents().patch("edited", &PatchParams::default(), &Patch::Merge(interval)).await.unwrap();
            }
        };
        let recorded = async {
            world.until("edited", "AwaitingApproval").await;
            answered.store(true, Ordering::Relaxed);
        };
        tokio::join!(edit, recorded);
        let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{RELEASE}");
        eventually("the object was read again", || async {
            let used = audit::used(world.plane.audit_log().unwrap(), &user);
            let read = used.iter().any(|right| right.verb == "get" && right.resource == "digitaltwinconsents");
            if read { Ok(()) } else { Err(support::condition(&world.consents().get("edited").await.unwrap(), "Ready")) }
        })
        .await;
    }
}

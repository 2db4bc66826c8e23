//! What is missing is named, waited for, and mended without a restart.

use std::collections::BTreeSet;

use controlplane::{ControlPlane, Options};
use heygen_simulator::GroupDefinition;
use serde_json::json;
use twinconsent_core::api;

use crate::support::scene::{AWAITING, create, every_second, until_reading};
use crate::support::{OPERATOR_NAMESPACE, Operator, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_named_in_one_line_and_granted_without_a_restart() {
    let world = World::start("rights").await;
    let namespace = &world.namespace;
    let role = |verbs: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {namespace}}}\nrules:\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents, heygenaccounts, clusterheygenaccounts], verbs: [{verbs}]}}\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents/status, heygenaccounts/status, clusterheygenaccounts/status], verbs: [patch]}}\n\
             - {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}}\n\
             - {{apiGroups: [\"\"], resources: [secrets], verbs: [get]}}\n"
        )
    };
    world.plane.kubectl_ok(&["-n", namespace, "create", "serviceaccount", "operator"]).unwrap();
    world.plane.apply(&role("list")).unwrap();
    let binding = format!("--serviceaccount={namespace}:operator");
    world.plane.kubectl_ok(&["create", "clusterrolebinding", namespace, &format!("--clusterrole={namespace}"), &binding]).unwrap();
    let kubeconfig = world.plane.service_account_kubeconfig(namespace, "operator").unwrap();
    let lease = format!("--operator-namespace={namespace}");
    let operator = Operator::start_as(&world, kubeconfig.to_str().unwrap(), &["--leader-elect=true", &lease]);

    let wanted = format!(
        "not yet: rights: RBAC does not let the operator watch digitaltwinconsents in API group \"twinconsent.io\" in namespace \"{namespace}\", \
         watch heygenaccounts in API group \"twinconsent.io\" in namespace \"{namespace}\", \
         get digitaltwinconsents in API group \"twinconsent.io\" in namespace \"{namespace}\", \
         get clusterheygenaccounts in API group \"twinconsent.io\" in the whole cluster; grant it"
    );
    eventually("/readyz names what is missing", || async {
        match operator.get("/readyz").await {
            Some((503, text)) if text.contains(&wanted) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(operator.get("/livez").await.is_some_and(|(code, _)| code == 200));
    world.plane.apply(&role("get, list, watch")).unwrap();
    operator.until_ready().await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    // Once, and once more where it was asked while some of the rights were granted and others were not yet.
    let log = operator.log();
    let problems: Vec<&str> =
        log.lines().filter_map(|line| line.split_once("the operator cannot start its work yet").map(|(_, problem)| problem)).collect();
    let distinct: BTreeSet<&str> = problems.iter().copied().collect();
    assert!(!problems.is_empty() && distinct.len() == problems.len(), "{log}");
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_old_definitions_are_named_and_upgraded_without_a_restart() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let operator = Operator::start_with(plane.kubeconfig().to_str().unwrap(), &["--leader-elect=false"]);
    says(&operator, "the API server does not serve DigitalTwinConsents of twinconsent.io/v1alpha1: install the definitions").await;
    let current = api::crd_files().unwrap();
    for mut crd in api::crds() {
        if crd.spec.names.kind == "DigitalTwinConsent" {
            let root = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
            let status = root.properties.as_mut().unwrap().get_mut("status").unwrap();
            status.properties.as_mut().unwrap().remove("linkExpirationTime").unwrap();
        }
        plane.apply(&serde_json::to_string(&crd).unwrap()).unwrap();
    }
    says(&operator, "the definition of DigitalTwinConsent is older than this operator and lacks status.linkExpirationTime").await;
    for (_, yaml) in &current {
        plane.apply(yaml).unwrap();
    }
    operator.until_ready().await;
    operator.terminate().await;
}

async fn says(operator: &Operator, what: &str) {
    eventually(what, || async {
        match operator.get("/readyz").await {
            Some((503, text)) if text.contains(&format!("not yet: definitions: {what}")) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_without_rights_is_named_and_stops_no_other_and_is_served_once_it_has_them() {
    let world = World::start("granted").await;
    let (other, consents) = world.namespace_beside("refused").await;
    let restricted = Restricted::login(&world);
    restricted.grant(&world.namespace);
    let namespaces = format!("--watch-namespaces={},{other}", world.namespace);
    let operator = Operator::start_as(&world, &restricted.kubeconfig, &[&namespaces]);

    operator.until_ready().await;
    for group in ["ada", "ben"] {
        world.simulator.create_group(GroupDefinition::twin(group)).unwrap();
    }
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    let (code, text) = operator.get("/readyz").await.unwrap();
    let what = format!("list digitaltwinconsents in API group \"twinconsent.io\" in namespace \"{other}\"");
    assert!(code == 200 && text.starts_with("ok\nnot yet: rights: ") && text.contains(&what), "{code} {text}");

    // An account of the same name and key, of the other namespace.
    world.secret(&other, &world.namespace, &world.key).await;
    let account = json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": world.namespace, "namespace": other },
        "spec": { "apiKeySecretRef": { "name": world.namespace, "key": "key" } },
    });
    world.plane.apply(&account.to_string()).unwrap();
    create(&consents, "ben", &json!({ "groupID": "ben", "accountRef": { "kind": "HeyGenAccount", "name": world.namespace } })).await;
    restricted.grant(&other);
    until_reading(&consents, "ben", AWAITING).await;
    assert_eq!(operator.get("/readyz").await, Some((200, "ok".to_owned())));
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_in_a_namespace_without_rights_holds_no_group_and_the_rank_decides_once_it_is_seen() {
    let world = World::without_account("unseen").await;
    let (other, unseen) = world.namespace_beside("refused").await;
    world.cluster_account(every_second()).await;
    let restricted = Restricted::login(&world);
    restricted.grant(&world.namespace);
    let namespaces = format!("--watch-namespaces={},{other}", world.namespace);
    let asking = |group: &str| {
        world.simulator.create_group(GroupDefinition::twin(group)).unwrap();
        json!({ "groupID": group, "accountRef": { "kind": "ClusterHeyGenAccount", "name": world.namespace } })
    };

    // Both are older than those of the namespace that is seen; one has asked, by an operator that had the rights.
    let (new, asked) = (asking("new"), asking("asked"));
    let before = world.operator(&[&namespaces]).await;
    create(&unseen, "asked", &asked).await;
    until_reading(&unseen, "asked", AWAITING).await;
    before.terminate().await;
    create(&unseen, "new", &new).await;

    let operator = Operator::start_as(&world, &restricted.kubeconfig, &[&namespaces]);
    operator.until_ready().await;
    create(&world.consents(), "new", &new).await;
    create(&world.consents(), "asked", &asked).await;
    until_reading(&world.consents(), "new", AWAITING).await;
    until_reading(&world.consents(), "asked", AWAITING).await;
    // Each for itself: another namespace is another request.
    let executed = || ["new", "asked"].map(|group| world.simulator.group_summary(group).executed);
    assert_eq!(executed(), [1, 2]);

    restricted.grant(&other);
    // The consent that has asked and owns the group keeps it, also from an older one that has asked, too.
    until_reading(&unseen, "new", DUPLICATE).await;
    until_reading(&unseen, "asked", DUPLICATE_THAT_HAS_ASKED).await;
    until_reading(&world.consents(), "new", AWAITING).await;
    until_reading(&world.consents(), "asked", AWAITING).await;
    // Those that follow their group go on doing so, and it costs no request.
    for group in ["new", "asked"] {
        let before = world.reads(group);
        world.until_read(group, before + 3).await;
    }
    let replayed: u64 = ["new", "asked"].map(|group| world.simulator.group_summary(group).replayed).iter().sum();
    assert_eq!((executed(), replayed), ([1, 2], 0));
    world.end([operator]).await;
}

const DUPLICATE: &str = "Ready=False:DuplicateAvatarGroup Initiated=False Approved=False Stalled";
const DUPLICATE_THAT_HAS_ASKED: &str = "Ready=False:DuplicateAvatarGroup Initiated=True Approved=False Stalled";

/// An operator's login with the rights of a scoped operator: on the cluster accounts, and on one namespace after the other.
struct Restricted<'a> {
    world: &'a World,
    subject: String,
    kubeconfig: String,
}

impl<'a> Restricted<'a> {
    fn login(world: &'a World) -> Self {
        world.plane.kubectl_ok(&["-n", &world.namespace, "create", "serviceaccount", "operator"]).unwrap();
        let role = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {}}}\nrules:\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents, heygenaccounts], verbs: [get, list, watch]}}\n\
             - {{apiGroups: [twinconsent.io], resources: [digitaltwinconsents/status, heygenaccounts/status], verbs: [patch]}}\n\
             - {{apiGroups: [\"\"], resources: [secrets], verbs: [get]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {0}-accounts}}\nrules:\n\
             - {{apiGroups: [twinconsent.io], resources: [clusterheygenaccounts], verbs: [get]}}\n\
             - {{apiGroups: [twinconsent.io], resources: [clusterheygenaccounts/status], verbs: [patch]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {0}, namespace: {OPERATOR_NAMESPACE}}}\nrules:\n\
             - {{apiGroups: [\"\"], resources: [secrets], resourceNames: [\"{0}\"], verbs: [get]}}\n",
            world.namespace
        );
        world.plane.apply(&role).unwrap();
        let subject = format!("--serviceaccount={}:operator", world.namespace);
        let (accounts, key) = (format!("--clusterrole={}-accounts", world.namespace), format!("--role={}", world.namespace));
        world.plane.kubectl_ok(&["create", "clusterrolebinding", &world.namespace, &accounts, &subject]).unwrap();
        world.plane.kubectl_ok(&["-n", OPERATOR_NAMESPACE, "create", "rolebinding", &world.namespace, &key, &subject]).unwrap();
        let kubeconfig = world.plane.service_account_kubeconfig(&world.namespace, "operator").unwrap();
        Self { world, subject, kubeconfig: kubeconfig.display().to_string() }
    }

    fn grant(&self, namespace: &str) {
        let role = format!("--clusterrole={}", self.world.namespace);
        self.world.plane.kubectl_ok(&["-n", namespace, "create", "rolebinding", "operator", &role, &self.subject]).unwrap();
    }
}

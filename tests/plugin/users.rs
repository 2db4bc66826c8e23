//! Users with few rights.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::plugin::Plugin;
use crate::support::World;

/// The plugin, logged in as an administrator and at work in the world's namespace.
pub fn administrator(world: &World) -> Plugin {
    Plugin::new(world.plane.kubeconfig(), &world.namespace)
}

/// The plugin, logged in as a service account of the world's namespace that may do this there, and nothing else.
pub async fn user(world: &World, name: &str, rules: Value) -> Plugin {
    let in_namespace = &world.namespace;
    let accounts: Api<ServiceAccount> = Api::namespaced(world.client.clone(), in_namespace);
    let account = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let roles: Api<Role> = Api::namespaced(world.client.clone(), in_namespace);
    roles
        .create(&PostParams::default(), &serde_json::from_value(json!({ "metadata": { "name": name }, "rules": rules })).unwrap())
        .await
        .unwrap();
    let binding = json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": in_namespace }],
    });
    let bindings: Api<RoleBinding> = Api::namespaced(world.client.clone(), in_namespace);
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    Plugin::new(&world.plane.service_account_kubeconfig(in_namespace, name).unwrap(), in_namespace)
}

/// The right to do this with consents.
pub fn consents(verbs: &[&str]) -> Value {
    json!([{ "apiGroups": ["twinconsent.io"], "resources": ["digitaltwinconsents"], "verbs": verbs }])
}

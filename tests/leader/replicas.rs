//! Replicas of one world, and what their Lease says.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::support::{DEADLINE, Operator, World, timed};

/// The Lease of a world's replicas.
pub const LEASE: &str = "twinconsent-operator";

/// Starts a replica, ready or not.
pub fn replica(world: &World, name: &str) -> Operator {
    replica_by(world, name, &world.plane.kubeconfig().display().to_string())
}

/// Starts a replica that is logged in with this kubeconfig.
pub fn replica_by(world: &World, name: &str, kubeconfig: &str) -> Operator {
    start(world, name, kubeconfig, &world.base_url, &[])
}

/// Starts a replica that finds HeyGen there.
pub fn replica_to(world: &World, name: &str, base_url: &str) -> Operator {
    start(world, name, &world.plane.kubeconfig().display().to_string(), base_url, &[])
}

/// Starts a replica with these variables besides.
pub fn replica_in(world: &World, name: &str, environment: &[(&str, &str)]) -> Operator {
    start(world, name, &world.plane.kubeconfig().display().to_string(), &world.base_url, environment)
}

fn start(world: &World, name: &str, kubeconfig: &str, base_url: &str, environment: &[(&str, &str)]) -> Operator {
    let (namespace, base_url) = (format!("--operator-namespace={}", world.namespace), format!("--heygen-base-url={base_url}"));
    let environment: Vec<_> = environment.iter().copied().chain([("POD_NAME", name)]).collect();
    Operator::start_in(world, kubeconfig, &["--leader-elect=true", &namespace, "--shutdown-grace=10s", &base_url], &environment)
}

/// Starts a replica that leads and one that stands by, in this order, both ready.
pub async fn pair(world: &World) -> (Operator, Operator) {
    let leader = replica(world, "first");
    until_held_by(world, "first").await;
    leader.until_ready().await;
    let standby = replica(world, "second");
    standby.until_ready().await;
    (leader, standby)
}

/// The Leases of a world.
pub fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// Waits until a replica of this name holds the Lease. Returns how long that took, apart from the machine's speed.
pub async fn until_held_by(world: &World, name: &str) -> Duration {
    timed(DEADLINE, &format!("{name} leads"), || async {
        let spec = leases(world).get_opt(LEASE).await.unwrap().and_then(|lease| lease.spec);
        let holder = spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
        if holder.starts_with(&format!("{name}_")) { Ok(()) } else { Err(holder) }
    })
    .await
    .1
}

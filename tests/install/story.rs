//! The life of a release.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use controlplane::Program;

use crate::cluster::{Cluster, cluster, eventually, root};
use crate::consents::{create, link, links_of, until};
use crate::release::{Helm, NAMESPACE, RELEASE};
use crate::{heygen, lease};

/// The group of `examples/minimal.yaml`.
const EXAMPLE: &str = "5f2c8e0b9d3a4c71ada";

/// The longest that no replica leads after the leader's pod was killed.
const LONGEST_TAKEOVER: Duration = Duration::from_secs(20);

/// The longest that the Lease may go without a renewal while pods are replaced: as long as it is valid, and one check of it.
const LONGEST_GAP: Duration = Duration::from_secs(16);

/// How many consents are pending, and how many are created right before the leader is killed.
const MANY: usize = 10;

/// Plays it with one Helm.
pub fn play(program: Program, version: &str) {
    let cluster = &*cluster();
    let tenant = format!("tenant-{version}");
    let named = |kind: &str| -> Vec<String> { (0..MANY).map(|number| format!("{kind}-{version}-{number}")).collect() };
    let (pending, new) = (named("pending"), named("new"));
    let groups: Vec<String> = [EXAMPLE.to_owned()].into_iter().chain(pending.clone()).chain(new.clone()).collect();
    let helm = Helm::new(cluster, program, &groups);
    for namespace in [NAMESPACE, &tenant] {
        let labels = "{pod-security.kubernetes.io/enforce: restricted}";
        cluster.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {labels}}}\n"));
    }

    let logged = cluster.audit_log().lines().count();
    step(version, "install");
    helm.apply("install", &[]);
    let leader = lease::holder(cluster).unwrap();
    assert_eq!(pods(cluster).len(), 2);
    assert!(pods(cluster).contains(&leader), "{leader} is none of {:?}", pods(cluster));

    step(version, "the example");
    cluster.kubectl(&["-n", &tenant, "apply", "-f", root().join("examples/minimal.yaml").to_str().unwrap()]);
    let ada = until(cluster, &tenant, "ada", "AwaitingApproval");
    heygen::consent(cluster, &link(&ada));
    until(cluster, &tenant, "ada", "Approved");

    step(version, "helm test");
    let tested = helm.run(&["test", RELEASE, "--namespace", NAMESPACE, "--timeout=120s"]);
    assert!(tested.contains("Succeeded"), "{tested}");

    step(version, "the leader is killed");
    create(cluster, &tenant, &pending);
    for name in &pending {
        until(cluster, &tenant, name, "AwaitingApproval");
    }
    let links = links_of(cluster, &tenant, &pending);
    create(cluster, &tenant, &new);
    cluster.kill_pod(NAMESPACE, &leader, "operator");
    let (next, took) = lease::until_taken_from(cluster, &leader);
    println!("  {next} leads {:.1} s after the kill of {leader}", took.as_secs_f64());
    assert!(took <= LONGEST_TAKEOVER, "{took:?}");
    for name in &new {
        until(cluster, &tenant, name, "AwaitingApproval");
    }
    let links: BTreeMap<_, _> = links.into_iter().chain(links_of(cluster, &tenant, &new)).collect();
    let untouched = |what: &str| {
        for name in pending.iter().chain(&new) {
            assert_eq!(heygen::executed(cluster, name), 1, "{name} after {what}");
        }
        assert_eq!(links_of(cluster, &tenant, &pending.iter().chain(&new).cloned().collect::<Vec<_>>()), links, "after {what}");
    };
    untouched("the kill");

    for (what, verb) in [("an upgrade", "upgrade"), ("a rollback", "rollback")] {
        step(version, what);
        let before = pods(cluster);
        let ((), gap) = lease::longest_gap(cluster, || match verb {
            // The simulator's pod stays: it keeps what HeyGen would keep.
            "upgrade" => helm.apply("upgrade", &["log.filter=debug"]),
            _ => drop(helm.run(&["rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait", "--timeout=120s"])),
        });
        println!("  the Lease went {:.1} s without a renewal", gap.as_secs_f64());
        assert!(gap <= LONGEST_GAP, "{gap:?}");
        eventually("all pods are new", || {
            let now = pods(cluster);
            let old = now.iter().any(|pod| before.contains(pod));
            if now.len() == 2 && !old { Ok(()) } else { Err(format!("{now:?}")) }
        });
        untouched(what);
    }
    heygen::consent(cluster, &links[&pending[0]]);
    until(cluster, &tenant, &pending[0], "Approved");

    step(version, "uninstall");
    assert_eq!(cluster.refused(&format!("system:serviceaccount:{NAMESPACE}:{RELEASE}"), logged), Vec::<String>::new());
    helm.run(&["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout=120s"]);
    eventually("the pods are gone", || match pods(cluster) {
        pods if pods.is_empty() => Ok(()),
        pods => Err(format!("{pods:?}")),
    });
    let left = cluster.get(&["digitaltwinconsents", "-n", &tenant]).unwrap();
    assert_eq!(left["items"].as_array().unwrap().len(), 1 + 2 * MANY, "consents outlive the release");
    let began = Instant::now();
    cluster.kubectl(&["delete", "namespace", &tenant, "--timeout=60s"]);
    println!("  a namespace of {} consents was deleted in {:.1} s without an operator", 1 + 2 * MANY, began.elapsed().as_secs_f64());
    cluster.kubectl(&["delete", "namespace", NAMESPACE, "--timeout=60s"]);
}

fn step(version: &str, what: &str) {
    println!("Helm {version}: {what}");
}

/// The operator's pods that are not on their way out.
fn pods(cluster: &Cluster) -> Vec<String> {
    let selector = format!("app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator");
    let pods = cluster.get(&["pods", "-n", NAMESPACE, "-l", &selector]).unwrap();
    let staying = pods["items"].as_array().unwrap().iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    staying.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

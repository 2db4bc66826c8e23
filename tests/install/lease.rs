//! Which replica leads, and for how long none did.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Cluster, timed};
use crate::release::{NAMESPACE, RELEASE};

/// The pod that holds the Lease.
pub fn holder(cluster: &Cluster) -> Result<String, String> {
    let lease = cluster.get(&["lease", RELEASE, "-n", NAMESPACE])?;
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    holder.rsplit_once('_').map(|(pod, _)| pod.to_owned()).ok_or_else(|| format!("held by {holder:?}"))
}

/// Waits until another pod than `gone` holds the Lease. Returns it, and how long that took, apart from the machine's speed.
pub fn until_taken_from(cluster: &Cluster, gone: &str) -> (String, Duration) {
    timed("another pod leads", || match holder(cluster)? {
        pod if pod == gone => Err(format!("{pod} still holds the Lease")),
        pod => Ok(pod),
    })
}

/// The longest time that the Lease was not renewed while something goes on.
pub fn longest_gap<T: Send>(cluster: &Cluster, work: impl FnOnce() -> T + Send) -> (T, Duration) {
    thread::scope(|scope| {
        let work = scope.spawn(work);
        let (mut longest, mut renewed, mut seen) = (Duration::ZERO, Value::Null, Instant::now());
        while !work.is_finished() {
            if let Ok(lease) = cluster.get(&["lease", RELEASE, "-n", NAMESPACE])
                && lease["spec"]["renewTime"] != renewed
            {
                renewed = lease["spec"]["renewTime"].clone();
                seen = Instant::now();
            }
            longest = longest.max(seen.elapsed());
            thread::sleep(Duration::from_millis(200));
        }
        (work.join().unwrap(), longest)
    })
}

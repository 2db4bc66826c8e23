//! A sink that takes everything, and what it was sent.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use jiff::Timestamp;
use serde_json::json;
use twinconsent_core::api::consent::AuditMark;
use twinconsent_core::notifications::Secret;

use super::proof::Proof;
use crate::receiver::Receiver;
use crate::support::scene::every_second;
use crate::support::{LONG, OPERATOR_NAMESPACE, World, eventually_within, leaks};

pub struct Sink {
    receiver: Receiver,
    secret: String,
}

impl Sink {
    /// Sets it up, at the cluster account of the world, which it makes.
    pub async fn start(world: &World) -> Self {
        let (receiver, name) = (Receiver::start().await, format!("{}-signing", world.namespace));
        let secret = format!("whsec_{}{}", "A".repeat(16), leaks::sink_token(world));
        world.secret(OPERATOR_NAMESPACE, &name, &secret).await;
        let mut account = every_second();
        account["notifications"] = json!([{ "name": "all", "url": receiver.url, "signingSecretRef": { "name": name, "key": "key" } }]);
        world.cluster_account(account).await;
        Self { receiver, secret }
    }

    /// Waits until each of these events has come.
    pub async fn until_it_has(&self, events: impl Fn() -> Vec<AuditMark>) {
        let id = |mark: &AuditMark| format!("{}/{}", mark.object_uid.as_deref().unwrap_or_default(), mark.sequence);
        eventually_within(LONG, "the sink has the last event of each object", || async {
            let received: BTreeSet<String> = self.receiver.received().iter().map(|one| one.header("webhook-id").to_owned()).collect();
            let missing: Vec<String> = events().iter().map(id).filter(|id| !received.contains(id)).collect();
            if missing.is_empty() { Ok(()) } else { Err(missing.len()) }
        })
        .await;
    }

    /// What came is signed, is what the log says, and came in the order of its object; one that came again says so, or is the very same.
    pub fn assert_in_order(&self, proof: &Proof<'_>) {
        let (lines, secret) = (proof.lines(), Secret::parse(&self.secret).unwrap());
        let mut last: HashMap<String, i64> = HashMap::new();
        for received in self.receiver.received() {
            let id = received.header("webhook-id");
            let time = Timestamp::from_second(received.header("webhook-timestamp").parse().unwrap()).unwrap();
            assert_eq!(received.header("webhook-signature"), secret.sign(id, time, &received.body));
            let event = received.event();
            if event["data"]["resent"] == true {
                assert!(lines.contains_key(id) && event["digest"].is_null(), "{id} came again and was never recorded, or names a digest");
            } else if received.word() != "deleted" {
                assert_eq!(lines.get(id), Some(&received.body.as_str()), "{id} is not what the log says");
            }
            let (uid, sequence) = id.rsplit_once('/').unwrap();
            let (last, sequence) = (last.entry(uid.to_owned()).or_default(), sequence.parse().unwrap());
            assert!(*last <= sequence, "{id} came after {last}");
            *last = sequence;
        }
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.receiver.received();
        let again = received.iter().filter(|received| received.event()["data"]["resent"] == true).count();
        write!(f, "{} deliveries, {again} of them after a start", received.len())
    }
}

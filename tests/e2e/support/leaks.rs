//! The search for keys and links in everything that the operator writes.

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::json;
use twinconsent_core::api::account::{ClusterHeyGenAccount, HeyGenAccount};

use super::World;

/// What was written, by kind of sink.
#[derive(Default)]
pub struct Sinks(Vec<(&'static str, String)>);

impl Sinks {
    /// Adds what was written into a sink.
    pub fn add(&mut self, sink: &'static str, text: String) {
        self.0.push((sink, text));
    }

    /// Collects the logs, and what stands in the cluster: events, conditions, printed columns, and everything of a status but the
    /// link itself.
    pub async fn collect(&mut self, world: &World) {
        for log in std::fs::read_dir(world.logs.path()).unwrap() {
            self.add("logs", String::from_utf8_lossy(&std::fs::read(log.unwrap().path()).unwrap()).into_owned());
        }
        // Events about cluster accounts lie in `default`.
        for namespace in [&world.namespace, "default"] {
            let events: Api<Event> = Api::namespaced(world.client.clone(), namespace);
            self.add("events", json!(events.list(&ListParams::default()).await.unwrap().items).to_string());
        }
        let mut consents = world.consents().list(&ListParams::default()).await.unwrap().items;
        for consent in &mut consents {
            consent.metadata.managed_fields = None;
            if let Some(status) = &mut consent.status {
                status.url = None;
            }
        }
        self.add("conditions", json!(consents).to_string());
        let accounts: Api<HeyGenAccount> = Api::namespaced(world.client.clone(), &world.namespace);
        self.add("accounts", json!(accounts.list(&ListParams::default()).await.unwrap().items).to_string());
        let accounts: Api<ClusterHeyGenAccount> = Api::all(world.client.clone());
        // What stands in its spec, the administrator has written there.
        self.add("accounts", json!(accounts.get_opt(&world.namespace).await.unwrap().map(|account| account.status)).to_string());
        let columns = world.plane.kubectl_ok(&["get", "dtc,hga,chga", "-o", "wide", "-n", &world.namespace]).unwrap();
        self.add("columns", columns);
    }

    /// Which secrets stand in which sinks: the sink and the number of the secret, never the secret itself.
    pub fn search(&self, secrets: &[String]) -> Vec<(&'static str, usize)> {
        let mut found = Vec::new();
        for (sink, text) in &self.0 {
            found
                .extend(secrets.iter().enumerate().filter(|(_, secret)| text.contains(secret.as_str())).map(|(number, _)| (*sink, number)));
        }
        found
    }
}

/// A text that stands in the URLs and signing secrets of a world's sinks, and nowhere else. It is base64 of whole bytes.
pub fn sink_token(world: &World) -> String {
    let letters: String = world.namespace.chars().map(|character| if character == '-' { 'x' } else { character }).collect();
    format!("{:x<64}", format!("Token{letters}"))
}

/// Every key and every link of a world; of a link also its token alone, which is what makes it one.
pub fn secrets_of(world: &World) -> Vec<String> {
    let mut secrets = vec![world.key.clone(), sink_token(world)];
    for group in world.simulator.group_summaries() {
        let Ok(view) = world.simulator.group(&group.id) else { continue };
        secrets.extend(view.links.iter().filter_map(|link| link.url.rsplit('/').next().map(str::to_owned)));
    }
    secrets
}

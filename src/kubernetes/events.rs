//! Kubernetes events: best effort, behind a bounded queue, after the status was written.
//!
//! Rejected: kube's recorder. It keeps every event of the last minutes and walks through all of them at each new one, to count
//! repetitions; ours are reported on transitions only and do not repeat, and a bulk creation would make that walk quadratic.
//! What can be said stands in [`twinconsent_core::consent::report`].

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::mpsc;

use super::within;
use crate::process::clock;
use crate::process::metrics::Metrics;
use twinconsent_core::api::FIELD_MANAGER;
use twinconsent_core::consent::report::Report;

/// How many events may wait; more are dropped, because a status matters more than its event.
const QUEUE: usize = 4096;

/// How many events are written at once.
const WRITERS: usize = 4;

/// Where events are handed in.
#[derive(Debug, Clone)]
pub struct Events {
    queue: mpsc::Sender<(ObjectReference, Report)>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// Starts the writer; it ends, after what was handed in is written, when the last handle is dropped.
    #[must_use]
    pub fn start(client: Client, metrics: Arc<Metrics>) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, handed_in) = mpsc::channel(QUEUE);
        let reporter = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| FIELD_MANAGER.to_owned());
        let writer = tokio::spawn(write_all(client, reporter, handed_in));
        (Self { queue, metrics }, writer)
    }

    /// Hands in an event about an object.
    pub fn report(&self, about: &impl kube::Resource<DynamicType = ()>, report: Report) {
        let mut reference = about.object_ref(&());
        reference.resource_version = None;
        if self.queue.try_send((reference, report)).is_err() {
            self.metrics.event_dropped();
            tracing::debug!(reason = report.reason(), "an event was dropped");
        }
    }
}

async fn write_all(client: Client, reporter: String, mut handed_in: mpsc::Receiver<(ObjectReference, Report)>) {
    let events = futures::stream::poll_fn(move |context| handed_in.poll_recv(context));
    events
        .for_each_concurrent(WRITERS, |(reference, report)| {
            let api: Api<Event> = Api::namespaced(client.clone(), reference.namespace.as_deref().unwrap_or("default"));
            let event = event(reference, report, reporter.clone());
            async move {
                if let Err(error) = within("write an event", api.create(&PostParams::default(), &event)).await {
                    tracing::debug!(reason = report.reason(), %error, "an event could not be written");
                }
            }
        })
        .await;
}

fn event(regarding: ObjectReference, report: Report, reporter: String) -> Event {
    Event {
        metadata: ObjectMeta {
            generate_name: regarding.name.as_ref().map(|name| format!("{}-", &name[..name.len().min(200)])),
            namespace: Some(regarding.namespace.clone().unwrap_or_else(|| "default".to_owned())),
            ..ObjectMeta::default()
        },
        action: Some(report.reason().to_owned()),
        event_time: Some(MicroTime(clock::now())),
        note: Some(report.note().to_owned()),
        reason: Some(report.reason().to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some(format!("twinconsent.io/{FIELD_MANAGER}")),
        reporting_instance: Some(reporter),
        type_: Some(if report.is_warning() { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt as _;

    use super::*;
    use twinconsent_core::api::conditions::AccountReason;

    #[test]
    fn an_event_about_a_cluster_account_lies_in_the_default_namespace() {
        let regarding = ObjectReference { name: Some("default".into()), ..ObjectReference::default() };
        let event = event(regarding, Report::of_account(AccountReason::CredentialsRejected), "operator-0".to_owned());
        assert_eq!(event.namespace().as_deref(), Some("default"));
        assert_eq!(event.type_.as_deref(), Some("Warning"));
    }
}

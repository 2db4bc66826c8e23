//! The raw baseline: a bare client that writes what the operator must write for a consent.
//!
//! It decides nothing and asks for nothing; its writes are as large as the operator's and as many at once, and lie in a namespace that no
//! operator watches. Two watches are open on it all the same, as the operator's and the bench's are on theirs, because delivering a write
//! costs the API server too; what they deliver is not read.

use std::time::Instant;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, Patch, PatchParams, PostParams, WatchParams};
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::bench::Bench;
use crate::board::TELL;
use crate::create::{CREATORS, Links};
use crate::stage::{UNWATCHED, consent};

/// As many status writes as the operator has under way at once, and as many events: the operator writes fewer of those at once, but its links do
/// not wait for them.
const WRITERS: usize = 64;

/// Objects a second.
pub struct Rates {
    create_and_status: f64,
    create_status_and_event: f64,
    status: f64,
    status_and_event: f64,
}

/// What a round does for each object.
#[derive(Clone, Copy)]
struct Work {
    what: &'static str,
    creates: bool,
    event: bool,
}

/// With the objects that there are at this time: `before` the links are given or `after`.
pub async fn measure(bench: &mut Bench<'_>, moment: &str, status: &Value) -> anyhow::Result<Option<Rates>> {
    if bench.settings.raw_objects == 0 {
        return Ok(None);
    }
    bench.report.phase(&format!("raw, {moment} the links"))?;
    bench.report.tell("size of a status, bytes", status.to_string().len() as f64);
    let _watches = [watch(bench).await?, watch(bench).await?];
    let mut objects = Vec::new();
    for object in 0..bench.settings.raw_objects {
        objects.push(consent(&format!("{moment}-{object}"))?);
    }
    let mut rates = Vec::new();
    for work in [
        Work { what: "create and status write", creates: true, event: false },
        Work { what: "status write", creates: false, event: false },
        Work { what: "status write and event", creates: false, event: true },
        Work { what: "create, status write and event", creates: true, event: true },
    ] {
        if work.creates && work.event {
            for object in &mut objects {
                *object = consent(&format!("{}-again", object.name_any()))?;
            }
        }
        let (rate, written) = round(bench, objects, status, work, rates.len()).await?;
        objects = written;
        bench.report.tell(&format!("{}, a second", work.what), rate);
        rates.push(rate);
    }
    Ok(Some(Rates { create_and_status: rates[0], status: rates[1], status_and_event: rates[2], create_status_and_event: rates[3] }))
}

/// Links a second, divided by what the bare client writes a second.
pub fn compare(bench: &mut Bench<'_>, moment: &str, links: &Links, raw: Option<&Rates>) {
    let Some(raw) = raw else { return };
    let tenth = if moment == "before" { ("first", links.first_tenth) } else { ("last", links.last_tenth) };
    let created = if bench.settings.backlog {
        ("", raw.status, raw.status_and_event)
    } else {
        ("creates and ", raw.create_and_status, raw.create_status_and_event)
    };
    for (what, rate) in [("all".to_owned(), links.overall), (format!("the {} tenth", tenth.0), tenth.1)] {
        let of = format!("links of {what} ÷ raw");
        bench.report.tell(&format!("{of} {}status writes", created.0), rate / created.1);
        bench.report.tell(&format!("{of} {}status writes with events", created.0), rate / created.2);
        if !bench.settings.backlog {
            bench.report.tell(&format!("{of} status writes alone"), rate / raw.status);
        }
    }
}

async fn round(
    bench: &Bench<'_>,
    objects: Vec<DigitalTwinConsent>,
    status: &Value,
    work: Work,
    number: usize,
) -> anyhow::Result<(f64, Vec<DigitalTwinConsent>)> {
    let api = &bench.stage.consents(UNWATCHED);
    let events = &Api::<Event>::namespaced(bench.stage.client.clone(), UNWATCHED);
    let (total, began) = (objects.len(), Instant::now());
    // A patch that changes nothing is not written: the rounds differ by one character.
    let mut status = status.clone();
    status["consentStatus"] = json!(format!("pendin{number}"));
    let status = &status;
    let create = |object: DigitalTwinConsent| async move {
        if work.creates { api.create(&PostParams::default(), &object).await.context("raw create") } else { Ok(object) }
    };
    let write = |object: anyhow::Result<DigitalTwinConsent>| async move {
        let object = object?;
        let patch = json!({ "metadata": { "resourceVersion": object.resource_version() }, "status": status });
        api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.context("raw status write")
    };
    let report = |object: anyhow::Result<DigitalTwinConsent>| async move {
        let object = object?;
        if work.event {
            events.create(&PostParams::default(), &event(&object)).await.context("raw event")?;
        }
        anyhow::Ok(object)
    };
    let mut done = Box::pin(
        futures::stream::iter(objects)
            .map(create)
            .buffer_unordered(CREATORS)
            .map(write)
            .buffer_unordered(WRITERS)
            .map(report)
            .buffer_unordered(WRITERS),
    );
    let (mut written, mut shown) = (Vec::new(), Instant::now());
    while let Some(object) = done.try_next().await? {
        written.push(object);
        if shown.elapsed() >= TELL {
            println!("    … {}: {} of {total} after {:.0} s", work.what, written.len(), began.elapsed().as_secs_f64());
            shown = Instant::now();
        }
    }
    Ok((total as f64 / began.elapsed().as_secs_f64(), written))
}

/// Watches the namespace of the baseline and drops what comes, unread.
async fn watch(bench: &Bench<'_>) -> anyhow::Result<AbortOnDropHandle<()>> {
    let path = DigitalTwinConsent::url_path(&(), Some(UNWATCHED));
    let request = kube::core::Request::new(path).watch(&WatchParams::default(), "0")?;
    let mut deliveries = Box::pin(bench.stage.client.request_stream(request).await.context("raw watch")?);
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        // It ends with the connection: after some minutes, or with the bench.
        let _ = futures::io::copy(&mut deliveries, &mut futures::io::sink()).await;
    })))
}

/// As large as the event that the operator writes.
fn event(object: &DigitalTwinConsent) -> Event {
    let mut regarding = object.object_ref(&());
    regarding.resource_version = None;
    #[expect(clippy::disallowed_methods, reason = "a bench has no clock of its own to be told the time by")]
    let now = Timestamp::now();
    Event {
        metadata: kube::api::ObjectMeta {
            generate_name: Some(format!("{}-", object.name_any())),
            namespace: Some(UNWATCHED.to_owned()),
            ..kube::api::ObjectMeta::default()
        },
        action: Some("AwaitingApproval".to_owned()),
        event_time: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(now)),
        note: Some("HeyGen was asked; the link for the person is in the status of this object".to_owned()),
        reason: Some("AwaitingApproval".to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some("twinconsent.io/twinconsent-bench".to_owned()),
        reporting_instance: Some("twinconsent-bench".to_owned()),
        type_: Some("Normal".to_owned()),
        ..Event::default()
    }
}

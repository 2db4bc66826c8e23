//! The objects that stand for the rows of the conditions table, as the operator wrote them on the real API server.
//!
//! A test records an object where it sees it: what differs from run to run (identities, times, links, the names of worlds) is
//! replaced, and the rest must be what the file in the repository says. With `TWINCONSENT_GENERATE=1` the file is written instead.
//! So the tools that read these files, written in another language and run by themselves, judge what the operator writes today.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::fixtures::{self, Fixture};
use crate::support::World;

/// The time that stands for every time.
const TIME: &str = "2026-01-02T03:04:05Z";

/// The uid that stands for every object's own.
const UID: &str = "6a1c2f6e-9d0b-4f0e-8c53-0f6f2f8d7a11";

/// The namespace that stands for the world's.
const NAMESPACE: &str = "demo";

/// Compares an object of the world with what the repository holds under this kind and name, or writes it there.
///
/// The name stands in `tests/conditions/fixtures.rs`, together with the reason that `Ready` must have.
pub fn record(world: &World, kind: &str, name: &str, object: &impl Serialize) {
    let fixture = fixtures::all().into_iter().find(|fixture| fixture.kind == kind && fixture.name == name);
    let Fixture { reason, .. } = fixture.clone().unwrap_or_else(|| panic!("no fixture is called {kind} {name}"));
    let object = normalised(world, serde_json::to_value(object).unwrap());
    let ready = object["status"]["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == "Ready");
    assert_eq!(ready.and_then(|ready| ready["reason"].as_str()), reason, "{name}");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture.unwrap().path());
    let now = format!("# Written by the operator, recorded by `make generate-objects`.\n{}", serde_saphyr::to_string(&object).unwrap());
    if std::env::var("TWINCONSENT_GENERATE").as_deref() == Ok("1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == now,
        "the operator no longer writes what {} says: run `make generate-objects`, and look at what changed.\nThe file:\n{recorded}\nNow:\n{now}",
        path.display()
    );
}

fn normalised(world: &World, mut object: Value) -> Value {
    let metadata = &object["metadata"];
    let mut kept = json!({ "name": metadata["name"], "generation": metadata["generation"], "creationTimestamp": TIME });
    for field in ["annotations", "labels", "namespace"] {
        if !metadata[field].is_null() {
            kept[field] = metadata[field].clone();
        }
    }
    let uid = metadata.get("uid").cloned();
    kept["uid"] = json!(UID);
    kept["resourceVersion"] = json!("1");
    object["metadata"] = kept;
    if let Some(url) = object["status"].get_mut("url") {
        *url = json!("https://app.heygen.com/consent/example");
    }
    for asked in ["initiation", "alreadyBegun", "approval"] {
        if let Some(request) = object["status"].get_mut(asked).and_then(|asked| asked.get_mut("requestID")) {
            *request = json!("req-example");
        }
        if let Some(key) = object["status"].get_mut(asked).and_then(|asked| asked.get_mut("idempotencyKey")) {
            // The namespace is in it, and worlds are numbered as they come.
            let epoch = key.as_str().and_then(|key| key.rsplit(':').next()).unwrap_or_default();
            *key = json!(format!("v2:44136fa355b3678a1146ad16f7e8649e:{epoch}"));
        }
    }
    if let Some(status) = object["status"].as_object_mut() {
        // Which minute an account's status tells of first is not the operator's to choose.
        status.remove("lastPollTime");
        // Its digest is of uid, version and time; which events there are, the tests of the core tell.
        status.remove("audit");
        if let Some(written_for) = status.get_mut("objectUID") {
            *written_for = json!(if Some(&*written_for) == uid.as_ref() { UID } else { "0c9e57a8-4b1d-4f0c-9a53-1d2f6f8d7a99" });
        }
    }
    replaced(&mut object, world);
    object
}

/// Replaces times, and the name of the world wherever it stands.
fn replaced(value: &mut Value, world: &World) {
    match value {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => *text = TIME.to_owned(),
        Value::String(text) => *text = text.replace(&world.base_url, "http://api.example.com").replace(&world.namespace, NAMESPACE),
        Value::Array(items) => items.iter_mut().for_each(|item| replaced(item, world)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replaced(field, world)),
        _ => {}
    }
}

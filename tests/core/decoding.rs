//! Whatever stands in an object, decoding it ends, and takes along as much as can be read.

use serde_json::{Value, json};
use twinconsent::kubernetes::decoding::{Kind, Slim};
use twinconsent_core::api::account::{ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::leaves::{leaves, oddities, with};

/// Of every type, whatever a definition may have accepted.
fn anything() -> Vec<Value> {
    let texts = ["null", "true", "7", "-7", "1e20", "1e300", "1.5", "\"x\"", "[]", "{}", "[null]", "[[7]]", "{\"a\":7}", "[{}]"];
    texts.map(|text| serde_json::from_str(text).unwrap()).into()
}

/// The schema of a kind, and the least object of it.
fn kinds() -> [(Value, Value); 3] {
    let account = json!({ "apiKeySecretRef": { "name": "s", "key": "k" } });
    let specs = [json!({ "groupID": "g" }), account.clone(), account];
    let mut schemas =
        twinconsent_core::api::crds().into_iter().map(|crd| json!(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone());
    specs.map(|spec| (schemas.next().unwrap(), json!({ "metadata": { "name": "ada" }, "spec": spec, "status": {} })))
}

fn read<K: Kind + serde::Serialize>(object: &Value) -> Option<Value> {
    match Slim::<K>::read(&object.to_string()).unwrap() {
        Slim::Read(object) => {
            // What is kept of it is text, and some of it is written again.
            let text = json!(object);
            let again = serde_json::from_value::<K>(text.clone())
                .unwrap_or_else(|error| panic!("{error}: {text} was read and cannot be read again"));
            assert_eq!(json!(again), text);
            Some(text)
        }
        Slim::Undecodable(undecodable) => {
            assert!(undecodable.field.starts_with("spec."), "{undecodable:?}");
            None
        }
    }
}

type Read = fn(&Value) -> Option<Value>;

const READ: [Read; 3] = [read::<DigitalTwinConsent>, read::<HeyGenAccount>, read::<ClusterHeyGenAccount>];

#[test]
fn whatever_stands_in_a_field_of_a_status_every_other_field_is_read() {
    let mut tried = 0;
    for ((schema, object), read) in kinds().into_iter().zip(READ) {
        let all = leaves(&schema, "status");
        for (path, leaf) in &all {
            for value in oddities(leaf).into_iter().chain(anything()) {
                let mut odd = with(&schema, object.clone(), path, value.clone());
                let is_the_other = path[1] == "observedGeneration";
                if !is_the_other {
                    odd["status"]["observedGeneration"] = json!(3);
                }
                let read = read(&odd).unwrap_or_else(|| panic!("{path:?}: {value} hides the object"));
                assert!(is_the_other || read["status"]["observedGeneration"] == 3, "{path:?}: {value} takes the rest along");
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn an_object_whose_spec_cannot_be_read_as_it_stands_is_not_read_at_all() {
    let (mut read_as_it_stands, mut left_alone) = (0, 0);
    for ((schema, object), read) in kinds().into_iter().zip(READ) {
        for (path, leaf) in leaves(&schema, "spec") {
            for value in oddities(&leaf).into_iter().chain(anything()) {
                let odd = with(&schema, object.clone(), &path, value.clone());
                let Some(read) = read(&odd) else {
                    left_alone += 1;
                    continue;
                };
                // A word of a later version is known to be one; every other field means what was written, or is as good as absent.
                let (shown, was) = (at(&read, &path), at(&odd, &path));
                let same = shown == was || shown == json!("Unrecognized") || was.is_null() || (was == json!({}) && shown.is_null());
                assert!(same, "{path:?}: {value} became {shown}");
                read_as_it_stands += 1;
            }
        }
    }
    assert!(read_as_it_stands > 100 && left_alone > 100, "{read_as_it_stands} {left_alone}");
}

fn at(object: &Value, path: &[String]) -> Value {
    path.iter().fold(object.clone(), |value, step| if step == "[]" { value[0].clone() } else { value[step].clone() })
}

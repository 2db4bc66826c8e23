//! PURE. Consents as manifests.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use twinconsent_core::api::consent::DigitalTwinConsentSpec;

use crate::error::Error;
use crate::names::{API_VERSION, KIND};

/// The longest name of a twin that is taken for the name of an object as it is.
const LONGEST: usize = 63;

/// The name of an object for an avatar group: its id, where that may be a name; else what of it may be, with a digest, so that no two ids
/// get the same.
#[must_use]
pub fn name_for(group: &str) -> String {
    let name: String = group.to_ascii_lowercase().replace('_', "-").trim_matches('-').to_owned();
    if name == group && name.len() <= LONGEST {
        return name;
    }
    with_digest(group, 4)
}

/// The same, where other objects have names already: one that is not taken. `None` when all that could be made of the id are.
pub fn free_name_for(group: &str, is_taken: impl Fn(&str) -> bool) -> Option<String> {
    let longer = [4, 8, 16].map(|bytes| with_digest(group, bytes));
    std::iter::once(name_for(group)).chain(longer).find(|name| !is_taken(name))
}

/// What of an id may be a name, and so many bytes of its digest.
fn with_digest(group: &str, bytes: usize) -> String {
    let name = group.to_ascii_lowercase().replace('_', "-");
    let digest = Sha256::digest(group).iter().take(bytes).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let part: String = name.trim_matches('-').chars().take(LONGEST - 1 - 2 * bytes).collect();
    let part = part.trim_end_matches('-');
    if part.is_empty() { format!("group-{digest}") } else { format!("{part}-{digest}") }
}

/// Whether HeyGen's id can stand in a consent.
#[must_use]
pub fn is_group_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The manifest of a consent.
#[must_use]
pub fn manifest(name: &str, namespace: Option<&str>, spec: &DigitalTwinConsentSpec) -> Value {
    let mut metadata = json!({ "name": name });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    json!({ "apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec })
}

/// The same in YAML.
///
/// # Errors
/// When it has no such form.
pub fn yaml(values: &[impl Serialize]) -> Result<String, Error> {
    serde_saphyr::to_string_multiple(values).map_err(|error| Error::failed(format!("cannot write YAML: {error}")))
}

/// Whether a text may be a reference: of a person, or of where a withdrawal is on record.
///
/// # Errors
/// Wrong usage, which names the flag.
pub fn reference(flag: &str, text: &str) -> Result<(), Error> {
    if (1..=253).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::usage(format!("{flag} takes 1 to 253 printable ASCII characters without spaces, such as ticket-4711")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use twinconsent_core::api::is_name;

    use super::*;

    #[test]
    fn each_group_has_a_name_of_its_own() {
        let long = "a".repeat(128);
        let longer = format!("{}b", &long[..127]);
        let groups = ["5f2c8e0b", "ADA", "ada", "a_b", "a-b", "-", "_", "a-", &long, &longer, "123"];
        let names: BTreeSet<String> = groups.iter().map(|group| name_for(group)).collect();
        assert_eq!(names.len(), groups.len(), "{names:?}");
        assert!(names.iter().all(|name| is_name(name) && name.len() <= LONGEST), "{names:?}");
        assert_eq!(name_for("5f2c8e0b"), "5f2c8e0b");
        assert!(name_for("A_b").starts_with("a-b-"));
    }

    #[test]
    fn a_name_that_is_taken_gets_more_of_the_digest() {
        let mut taken: Vec<String> = Vec::new();
        while let Some(name) = free_name_for(&"A".repeat(128), |name| taken.iter().any(|taken| taken == name)) {
            assert!(is_name(&name) && name.len() <= LONGEST, "{name}");
            taken.push(name);
        }
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert_eq!(free_name_for("ada", |name| name == "ada"), Some(with_digest("ada", 4)));
    }

    #[test]
    fn a_manifest_has_what_was_asked_for_and_nothing_else() {
        let spec = DigitalTwinConsentSpec { group_id: "12e4".to_owned(), ..DigitalTwinConsentSpec::default() };
        let text = yaml(&[manifest("ada", None, &spec)]).unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(
            read,
            json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": { "name": "ada" }, "spec": { "groupID": "12e4" } })
        );
    }

    #[test]
    fn a_reference_is_what_the_definition_takes() {
        for good in ["ticket-4711", "~", &"a".repeat(253)] {
            assert_eq!(reference("--reference", good), Ok(()));
        }
        for bad in ["", "a b", "é", "a\n", &"a".repeat(254)] {
            assert!(reference("--reference", bad).unwrap_err().to_string().starts_with("--reference takes"), "{bad}");
        }
    }
}

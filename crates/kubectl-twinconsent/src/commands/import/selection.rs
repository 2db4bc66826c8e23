//! PURE. Which groups get a manifest, and what is said of the others.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use twinconsent_core::api::consent::{DigitalTwinConsentSpec, Initiate};

use crate::heygen::{Depicts, Groups};
use crate::manifests::{free_name_for, is_group_id, manifest};

/// How many ids are named in a line at most.
const MOST_NAMED: usize = 10;

/// The objects that there are.
#[derive(Debug, Default)]
pub(super) struct Existing {
    /// The groups that they are about, and whether one of them names the same account.
    pub(super) groups: HashMap<String, bool>,
    /// Their names, in the namespace of the manifests.
    pub(super) names: HashSet<String>,
}

/// The groups of an account, sorted by what becomes of them.
#[derive(Debug, Default)]
pub(super) struct Selection {
    chosen: Vec<String>,
    /// Those without a word of consent: its looks decide for each.
    pub(super) undecided: Vec<String>,
    with_object: usize,
    with_object_of_another_account: usize,
    photos: usize,
    gone: usize,
    unclear: usize,
    invalid: usize,
}

impl Selection {
    /// What can be said by the list alone: a group that has a word of consent needs consent (HeyGen API notes, section 4).
    pub(super) fn of(groups: &Groups, existing: &Existing) -> Self {
        let mut selection = Self::default();
        for (id, group) in &groups.groups {
            match existing.groups.get(id) {
                Some(true) => selection.with_object += 1,
                Some(false) => selection.with_object_of_another_account += 1,
                None if !is_group_id(id) => selection.invalid += 1,
                None if group.consent_status.is_some() => selection.chosen.push(id.clone()),
                None => selection.undecided.push(id.clone()),
            }
        }
        selection
    }

    /// What becomes of the others, each by its looks. Only what is known to depict no person is left out.
    pub(super) fn decide(&mut self, depicts: &BTreeMap<String, Depicts>) {
        for id in std::mem::take(&mut self.undecided) {
            match depicts.get(&id) {
                Some(Depicts::NoPerson) => self.photos += 1,
                Some(Depicts::Gone) => self.gone += 1,
                Some(Depicts::Person) => self.chosen.push(id),
                Some(Depicts::Unknown) | None => {
                    self.unclear += 1;
                    self.chosen.push(id);
                }
            }
        }
        self.chosen.sort();
    }

    /// The manifests, and the groups for which there is no name that is not taken.
    pub(super) fn manifests(&self, namespace: &str, spec: &DigitalTwinConsentSpec, existing: &Existing) -> (Vec<Value>, Vec<String>) {
        let mut taken: HashSet<String> = HashSet::new();
        let (mut manifests, mut nameless) = (Vec::new(), Vec::new());
        for id in &self.chosen {
            let Some(name) = free_name_for(id, |name| existing.names.contains(name) || taken.contains(name)) else {
                nameless.push(id.clone());
                continue;
            };
            let spec = DigitalTwinConsentSpec { group_id: id.clone(), initiate: Some(Initiate::Never), ..spec.clone() };
            manifests.push(manifest(&name, Some(namespace), &spec));
            taken.insert(name);
        }
        (manifests, nameless)
    }

    /// What was left out, and why.
    pub(super) fn report(&self, manifests: usize, nameless: &[String], groups: &Groups, everywhere: bool) -> Vec<String> {
        let place = if everywhere { "" } else { " in this namespace; -A considers the others as well" };
        let named = nameless.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let left_out = [
            (self.with_object, format!("have an object already{place}")),
            (self.with_object_of_another_account, format!("have an object that names another account{place}")),
            (self.photos, "depict no person: photo avatars alone, which need no consent".to_owned()),
            (self.gone, "were deleted meanwhile".to_owned()),
            (self.invalid, "have an id that no object can hold: 1 to 128 letters, digits, `_` and `-`".to_owned()),
            (groups.unreadable, "were not readable in HeyGen's list".to_owned()),
            (nameless.len(), format!("have no name that is free ({named}): `kubectl twinconsent request GROUP --never-ask --name NAME`")),
        ];
        let mut lines = vec![format!("{} avatar groups, {manifests} manifests.", groups.groups.len() + groups.unreadable)];
        lines.extend(left_out.into_iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("Left out: {count} {why}.")));
        if self.unclear > 0 {
            lines.push(format!(
                "Not left out: {} of which HeyGen does not show what the looks of them are; they may depict a person.",
                self.unclear
            ));
        }
        if groups.is_changing {
            lines.push("HeyGen's list changed whenever it was read: run the command again once these have their objects.".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use twinconsent_core::consent::outcome::Group;

    use super::*;

    fn listed(ids: &[(&str, Option<&str>)]) -> Groups {
        let group = |word: Option<&str>| Group { consent_status: word.map(str::to_owned), ..Group::default() };
        Groups { groups: ids.iter().map(|(id, word)| ((*id).to_owned(), group(*word))).collect(), ..Groups::default() }
    }

    fn names(manifests: &[Value]) -> Vec<&str> {
        manifests.iter().map(|manifest| manifest["metadata"]["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn what_may_depict_a_person_gets_a_manifest_that_asks_nobody() {
        let groups = listed(&[
            ("approved", Some("approved")),
            ("gone", None),
            ("hidden", None),
            ("odd id", Some("pending")),
            ("ours", Some("pending")),
            ("photo", None),
            ("theirs", None),
            ("twin", None),
        ]);
        let existing = Existing {
            groups: HashMap::from([("ours".to_owned(), true), ("theirs".to_owned(), false)]),
            names: HashSet::from(["ours".to_owned()]),
        };
        let mut selection = Selection::of(&groups, &existing);
        assert_eq!(selection.undecided, ["gone", "hidden", "photo", "twin"]);
        let seen = [("gone", Depicts::Gone), ("hidden", Depicts::Unknown), ("photo", Depicts::NoPerson), ("twin", Depicts::Person)];
        selection.decide(&seen.map(|(id, depicts)| (id.to_owned(), depicts)).into());
        let (manifests, nameless) = selection.manifests("team", &DigitalTwinConsentSpec::default(), &existing);
        assert_eq!((names(&manifests), nameless.len()), (vec!["approved", "hidden", "twin"], 0));
        for manifest in &manifests {
            assert_eq!((&manifest["spec"]["initiate"], &manifest["metadata"]["namespace"]), (&"Never".into(), &"team".into()));
        }
        let report = selection.report(3, &nameless, &groups, true).join("\n");
        for part in [
            "8 avatar groups, 3 manifests",
            "1 have an object already.",
            "another account",
            "no person",
            "deleted",
            "128",
            "Not left out: 1",
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
    }

    #[test]
    fn no_two_manifests_have_one_name_and_none_that_of_another_object() {
        let name = crate::manifests::name_for("ADA");
        let groups = listed(&[("ADA", Some("pending")), (&name, Some("pending")), ("grace", Some("pending"))]);
        let existing = Existing { names: HashSet::from(["grace".to_owned()]), ..Existing::default() };
        let selection = Selection::of(&groups, &existing);
        let (manifests, nameless) = selection.manifests("team", &DigitalTwinConsentSpec::default(), &existing);
        let given: HashSet<&str> = names(&manifests).into_iter().collect();
        assert_eq!((given.len(), given.contains("grace"), nameless.len()), (3, false, 0), "{given:?}");
    }
}

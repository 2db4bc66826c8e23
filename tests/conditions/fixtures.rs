//! One object for every row of the conditions table, and what tools are to make of it.
//!
//! The objects themselves are what the operator wrote on the real API server: the tests of whole lifecycles record them (see
//! `tests/e2e/recorded.rs`) into the folders named here, in the layout of Argo CD's own repository.
//! Argo CD's Lua engine, both kstatus libraries and Flux's expressions are then asked about them (`tests/gitops/`), and all of
//! them get their answers to compare with from this list.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

mod columns;

use strum::VariantArray as _;
use twinconsent_core::api::conditions::{AccountReason, Situation};
use twinconsent_core::consent::situation::{Permitted, Progress};

/// Where the objects lie, with one folder for each kind.
pub const FOLDER: &str = "examples/gitops/argo-cd/resource_customizations/twinconsent.io";

/// An object that the operator wrote.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The kind.
    pub kind: &'static str,
    /// The name of its file, without `.yaml`.
    pub name: String,
    /// The reason of its `Ready`; absent before the operator has seen it.
    pub reason: Option<&'static str>,
    /// What kstatus says.
    pub kstatus: &'static str,
    /// What Flux says with the expressions of `examples/gitops/flux/invitations.yaml`; absent for kinds that they do not concern.
    pub invited: Option<&'static str>,
    /// What Argo CD says.
    pub argo_cd: &'static str,
}

impl Fixture {
    /// The path of its file in the repository.
    pub fn path(&self) -> String {
        format!("{FOLDER}/{}/testdata/{}.yaml", self.kind, self.name)
    }
}

/// All of them.
pub fn all() -> Vec<Fixture> {
    let mut all = vec![Fixture {
        kind: CONSENT,
        name: "not-seen".to_owned(),
        reason: None,
        kstatus: "InProgress",
        invited: Some("InProgress"),
        argo_cd: "Progressing",
    }];
    for &situation in Situation::VARIANTS {
        all.extend(consents_in(situation));
    }
    for (reason, argo_cd) in ACCOUNTS {
        let kstatus = if reason == AccountReason::CredentialsAccepted { "Current" } else { "InProgress" };
        // Only the cluster's kind has a base URL.
        let kind = if reason == AccountReason::InsecureBaseUrl { CLUSTER_ACCOUNT } else { ACCOUNT };
        all.push(Fixture { kind, name: kebab(reason.word()), reason: Some(reason.word()), kstatus, invited: None, argo_cd });
    }
    all
}

const CONSENT: &str = "DigitalTwinConsent";
const ACCOUNT: &str = "HeyGenAccount";
const CLUSTER_ACCOUNT: &str = "ClusterHeyGenAccount";

/// What Argo CD says of an account: what passes by itself is progress, what a person must act on is degraded.
const ACCOUNTS: [(AccountReason, &str); 8] = [
    (AccountReason::CredentialsAccepted, "Healthy"),
    (AccountReason::CredentialsRejected, "Degraded"),
    (AccountReason::SecretNotFound, "Degraded"),
    (AccountReason::InsecureBaseUrl, "Degraded"),
    (AccountReason::Throttled, "Progressing"),
    (AccountReason::Unreachable, "Progressing"),
    (AccountReason::BillingRequired, "Degraded"),
    (AccountReason::Suspended, "Suspended"),
];

/// The row itself, what `readyWhen: Initiated` makes of it, and the rows that say "unchanged", which change these.
fn consents_in(situation: Situation) -> Vec<Fixture> {
    let row = situation.row();
    let (kstatus, argo_cd) = (words(columns::kstatus(situation)), words(columns::argo_cd(situation)));
    // The objects of these rows have asked; the others have not, or are decided otherwise.
    let was_asked = matches!(
        situation,
        Situation::LinkExpired | Situation::Overdue | Situation::Awaiting | Situation::Restored | Situation::Unverified
    );
    let invited = |was_asked: bool| match (row.progress, row.permitted) {
        (Progress::Stalled, _) => "Failed",
        (_, Permitted::True) => "Current",
        _ if was_asked => "Current",
        _ => "InProgress",
    };
    let usual = Fixture {
        kind: CONSENT,
        name: kebab(situation.reason()),
        reason: Some(situation.reason()),
        kstatus: kstatus[0],
        invited: Some(invited(was_asked)),
        argo_cd: argo_cd[0],
    };
    let named = |suffix: &str| Fixture { name: format!("{}-{suffix}", usual.name), ..usual.clone() };
    let mut fixtures = vec![usual.clone()];
    if columns::ready(situation) == "False / True" {
        fixtures.push(Fixture { kstatus: kstatus[1], argo_cd: argo_cd[1], ..named("ready-when-initiated") });
    }
    match situation {
        // "unknown word from HeyGen": `Initiated` only if this object has asked.
        Situation::Unrecognized => fixtures.push(Fixture { invited: Some(invited(true)), ..named("after-asking") }),
        // "suspended later": kstatus is unchanged, and Argo CD says as Ready says, else Suspended.
        Situation::Approved | Situation::Refused | Situation::Awaiting => fixtures.push(named("then-suspended")),
        _ => {}
    }
    if situation == Situation::Awaiting {
        // "the account's trouble after `Initiated`": unchanged.
        fixtures.push(named("then-account-suspended"));
    }
    fixtures
}

/// The two words of a cell of the table, which are one where `readyWhen` changes nothing.
fn words(cell: &'static str) -> [&'static str; 2] {
    cell.split_once(" / ").map_or([cell, cell], |(usual, initiated)| [usual, initiated])
}

/// `AwaitingApproval` is `awaiting-approval`, and `InsecureBaseURL` is `insecure-base-url`.
fn kebab(reason: &str) -> String {
    let mut name = String::new();
    let mut after_lower = false;
    for letter in reason.chars() {
        if letter.is_ascii_uppercase() && after_lower {
            name.push('-');
        }
        after_lower = letter.is_ascii_lowercase();
        name.push(letter.to_ascii_lowercase());
    }
    name
}

//! What is known about an object, as a fact for the pure core.

use std::sync::Arc;

use crate::kubernetes;
use crate::process::clock;
use crate::process::clock::Wall;
use crate::runtime::accounts::Usable;
use crate::runtime::context::Context;
use crate::runtime::store::Standing;
use twinconsent_core::account;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::uid::uid;
use twinconsent_core::consent::step::{AccountFact, Facts};

/// What is known about an object, and what a call for it needs.
pub(super) struct Observed {
    /// The wall clock as it was then: every time of this step is by it.
    pub(super) wall: Wall,
    pub(super) facts: Facts,
    pub(super) usable: Option<Arc<Usable>>,
}

/// `None` while the copy at hand is older than our own last write.
pub(super) async fn observe(consent: &DigitalTwinConsent, context: &Context) -> Result<Option<Observed>, kubernetes::Error> {
    let key = AccountKey::of(consent);
    let account = context.accounts.fact(&key);
    let is_served = context.serves(&key, consent).await? != Some(false);
    // Last: nothing is waited for between this and what follows from it.
    let wall = clock::wall();
    let standing = context.store.standing(consent, wall).filter(|standing| !standing.is_stale);
    Ok(standing.map(|standing| observed(consent, account, is_served, standing, wall, context)))
}

/// What follows from what was asked.
pub(super) fn observed(
    consent: &DigitalTwinConsent,
    (account, usable): (AccountFact, Option<Arc<Usable>>),
    is_served: bool,
    standing: Standing,
    wall: Wall,
    context: &Context,
) -> Observed {
    let key = AccountKey::of(consent);
    let account = if is_served { account } else { AccountFact::NotAllowed(account::refusal(&key, consent)) };
    let mut memory = standing.memory;
    // Polls that showed nothing new reached no object.
    let unheard = uid(consent).and_then(|uid| context.scheduler.with(|schedule, _| schedule.polled_at(uid)));
    let polled_at = memory.polled_at.max(unheard.map(|at| wall.of(at)));
    if memory.polled_at.is_some() {
        memory.polled_at = polled_at;
    }
    let started = wall.of(context.decides_since.get().copied().unwrap_or_else(clock::steady));
    let proof = context.accounts.proof(&key, wall);
    let facts = Facts { account, owns_group: standing.owns_group, memory, started, doubt: wall.doubt(), polled_at, proof };
    Observed { wall, facts, usable }
}

//! PURE. Which object may ask about a group on an account, of all objects that claim it.
//!
//! One rank decides ([`Claimant`]), and is asked again whenever a claimant comes, goes or changes. An owner that has asked stays the
//! owner, whatever outranks it, as long as it can follow what it asked for: a person who has a link is not sent another one. Only an
//! object that tells of a withdrawal comes before it: its person is not asked for anything any more.

use std::cmp::Reverse;
use std::collections::HashMap;

use twinconsent_core::api::uid::Uid;

/// A hash of account and group.
pub(crate) type Claim = u128;

/// What ranks an object among those that claim the same group.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by its name, and nothing else is made of them")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Claimant {
    /// Whether the account serves its namespace, as far as is known.
    pub(crate) served: bool,
    /// Whether the person has withdrawn their consent, as its spec says.
    pub(crate) withdrawn: bool,
    /// Whether it is being deleted.
    pub(crate) terminating: bool,
    /// Whether HeyGen was asked for it, or may have been.
    pub(crate) asked: bool,
    /// Whether HeyGen may be asked for it: its spec neither suspends it nor says that it only follows.
    pub(crate) may_ask: bool,
    /// When it was created, in seconds since 1970.
    pub(crate) created: i64,
    /// Its uid.
    pub(crate) uid: Uid,
}

impl Claimant {
    /// Whether anything can be done for it at all.
    fn stands(&self) -> bool {
        self.served && !self.terminating
    }

    /// Whether nobody is asked about the group any more, by another object either. A namespace that the account does not serve has no say.
    fn bars(&self) -> bool {
        self.served && self.withdrawn
    }

    /// The greatest owns.
    fn rank(&self) -> impl Ord + use<> {
        (self.bars(), self.stands(), self.asked, self.may_ask, Reverse(self.created), Reverse(self.uid))
    }

    /// Whether it stays the owner, if it is.
    fn keeps(&self) -> bool {
        self.stands() && self.asked
    }
}

/// The owners of what these claim, given those of before.
fn owner(before: Option<Uid>, claimants: impl Iterator<Item = Claimant> + Clone) -> Option<Uid> {
    let kept = claimants.clone().find(|claimant| Some(claimant.uid) == before && claimant.keeps());
    let kept = kept.filter(|kept| kept.bars() || !claimants.clone().any(|claimant| claimant.bars()));
    kept.or_else(|| claimants.max_by_key(Claimant::rank)).map(|owner| owner.uid)
}

/// Every claim and its claimants.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashMap<Claim, Claimants>);

/// Nearly always it is one.
#[derive(Debug)]
enum Claimants {
    /// A single claimant owns; `is_known` tells whether that was relied on.
    One {
        uid: Uid,
        is_known: bool,
    },
    Several(Box<Several>),
}

#[derive(Debug)]
struct Several {
    /// `None` until it is asked for: a list that is being read shows one after the other.
    owner: Option<Uid>,
    members: Vec<Uid>,
}

impl Claims {
    /// Lets an object claim a group. Returns those whose ownership has changed.
    pub(crate) fn add(&mut self, claim: Claim, uid: Uid, of: impl Fn(Uid) -> Option<Claimant>) -> Vec<Uid> {
        let Some(claimants) = self.0.get_mut(&claim) else {
            self.0.insert(claim, Claimants::One { uid, is_known: false });
            return Vec::new();
        };
        match claimants {
            Claimants::One { uid: first, is_known } => {
                let several = Several { owner: is_known.then_some(*first), members: vec![*first, uid] };
                *claimants = Claimants::Several(Box::new(several));
            }
            Claimants::Several(several) => several.members.push(uid),
        }
        self.changed(claim, Some(uid), of)
    }

    /// The owner of a claim.
    pub(crate) fn owner(&mut self, claim: Claim, of: impl Fn(Uid) -> Option<Claimant>) -> Option<Uid> {
        match self.0.get_mut(&claim)? {
            Claimants::One { uid, is_known } => {
                *is_known = true;
                Some(*uid)
            }
            Claimants::Several(several) => {
                if several.owner.is_none() {
                    several.rank(of);
                }
                several.owner
            }
        }
    }

    /// Ranks anew after this claimant has changed (`None`: several may have). Returns those whose ownership has.
    pub(crate) fn changed(&mut self, claim: Claim, uid: Option<Uid>, of: impl Fn(Uid) -> Option<Claimant>) -> Vec<Uid> {
        let Some(Claimants::Several(several)) = self.0.get_mut(&claim) else { return Vec::new() };
        let Some(before) = several.owner else { return Vec::new() };
        match uid.filter(|uid| *uid != before) {
            // All others are as they were: the one that has changed outranks the owner, or none does.
            Some(uid) => several.owner = owner(Some(before), [before, uid].into_iter().filter_map(&of)),
            None => several.rank(of),
        }
        let after = several.owner;
        if after == Some(before) { Vec::new() } else { [before].into_iter().chain(after).collect() }
    }

    /// Takes a claim back. Returns those whose ownership has changed.
    pub(crate) fn remove(&mut self, claim: Claim, uid: Uid, of: impl Fn(Uid) -> Option<Claimant>) -> Vec<Uid> {
        let Some(Claimants::Several(several)) = self.0.get_mut(&claim) else {
            self.0.remove(&claim);
            return Vec::new();
        };
        several.members.retain(|member| *member != uid);
        let has_lost_its_owner = several.owner == Some(uid);
        if has_lost_its_owner {
            several.rank(of);
        }
        let owner = several.owner;
        if let [last] = several.members[..] {
            self.0.insert(claim, Claimants::One { uid: last, is_known: owner.is_some() });
        }
        owner.filter(|_| has_lost_its_owner).into_iter().collect()
    }
}

impl Several {
    fn rank(&mut self, of: impl Fn(Uid) -> Option<Claimant>) {
        self.owner = owner(self.owner, self.members.iter().filter_map(|uid| of(*uid)));
    }
}

#[cfg(test)]
mod tests;

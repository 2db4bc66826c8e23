//! PURE. Who may ask about a group on an account, of all objects that claim it.

use std::collections::HashMap;

use super::Uid;

/// A hash of account and group.
pub(super) type Claim = u128;

/// Every claim and who makes it.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<Claim, Claimants>);

/// Nearly always it is one.
#[derive(Debug)]
enum Claimants {
    One { uid: Uid, is_owner: bool },
    Several(Box<Several>),
}

#[derive(Debug)]
struct Several {
    owner: Option<Uid>,
    members: Vec<Uid>,
}

impl Claims {
    /// Lets an object claim a group.
    pub(super) fn add(&mut self, claim: Claim, uid: Uid) {
        let Some(claimants) = self.0.get_mut(&claim) else {
            self.0.insert(claim, Claimants::One { uid, is_owner: false });
            return;
        };
        match claimants {
            Claimants::One { uid: first, is_owner } => {
                let several = Several { owner: is_owner.then_some(*first), members: vec![*first, uid] };
                *claimants = Claimants::Several(Box::new(several));
            }
            Claimants::Several(several) => several.members.push(uid),
        }
    }

    /// Who owns a claim: the first by `rank`, decided once and kept while the owner lives, unless `has_asked` says that the owner has not
    /// asked and another one has.
    pub(super) fn owner<Rank: Ord>(
        &mut self,
        claim: Claim,
        has_asked: impl Fn(Uid) -> bool,
        rank: impl Fn(Uid) -> Option<Rank>,
    ) -> Option<Uid> {
        match self.0.get_mut(&claim)? {
            Claimants::One { uid, is_owner } => {
                *is_owner = true;
                Some(*uid)
            }
            Claimants::Several(several) => {
                let owner = several.owner;
                if owner.is_none_or(|owner| !has_asked(owner)) {
                    let order = |uid: Uid| rank(uid).map(|rank| (!has_asked(uid), Some(uid) != owner, rank, uid));
                    several.owner = several.members.iter().filter_map(|uid| order(*uid)).min().map(|(.., uid)| uid);
                }
                several.owner
            }
        }
    }

    /// Takes a claim back. Returns those who still make it.
    pub(super) fn remove(&mut self, claim: Claim, uid: Uid) -> Vec<Uid> {
        if let Some(Claimants::Several(several)) = self.0.get_mut(&claim) {
            several.members.retain(|member| *member != uid);
            several.owner = several.owner.filter(|owner| *owner != uid);
            if !several.members.is_empty() {
                return several.members.clone();
            }
        }
        self.0.remove(&claim);
        Vec::new()
    }
}

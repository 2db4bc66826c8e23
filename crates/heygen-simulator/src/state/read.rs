//! The reads: one group, looks, the caller (HeyGen API notes, sections 4 to 6); the list of groups is in `list`.

use std::ops::Bound;

use serde_json::json;

use super::list::Listing;
use super::request::Received;
use super::wire::{Data, Page, WireGroup, WireLook};
use super::{Answer, State};
use crate::answer::Param;
use crate::cursor::Cursor;
use crate::group::Group;

pub(super) fn no_such_group() -> Answer {
    let text = "Avatar group not found";
    Answer::error(404, "avatar_group_not_found", text, Param::Null)
}

fn not_yours() -> Answer {
    let text = "You do not have access to this avatar group";
    Answer::error(403, "resource_access_denied", text, Param::Null)
}

impl State {
    /// The group if the account owns it, else the refusal.
    pub(super) fn own_group(&self, account: usize, id: &str) -> Result<&Group, Answer> {
        let group = self.groups.get(id).ok_or_else(no_such_group)?;
        if group.public || group.account != account {
            return Err(not_yours());
        }
        Ok(group)
    }

    fn readable_group(&self, account: usize, id: &str) -> Result<&Group, Answer> {
        match self.groups.get(id) {
            Some(group) if group.public => Ok(group),
            _ => self.own_group(account, id),
        }
    }

    pub(super) fn read_group(&self, account: usize, id: &str) -> Answer {
        match self.readable_group(account, id) {
            Ok(group) => Answer::json(200, &Data { data: self.on_the_wire(id, group) }),
            Err(refusal) => refusal,
        }
    }

    /// HeyGen's answer holds more about billing; the notes only name the call as the way to probe a credential (section 1).
    pub(super) fn read_me(&self, account: usize) -> Answer {
        let account = &self.accounts[account];
        Answer::json(200, &json!({"data": {"username": account.name, "billing_type": "wallet"}}))
    }

    /// Looks of one group, or of all that the caller sees. A cursor points behind look number `look` of group `group`.
    pub(super) fn list_looks(&self, account: usize, received: &Received) -> Answer {
        let listing = match Listing::read(received) {
            Ok(listing) => listing,
            Err(refusal) => return refusal,
        };
        let only = received.query_value("group_id");
        let only = match only.as_deref().map(|id| (id, self.readable_group(account, id))) {
            Some((_, Err(refusal))) => return refusal,
            Some((id, Ok(group))) => Some((group.sequence, id, group)),
            None => None,
        };
        let all = only.is_none().then(|| self.groups_behind(account, &listing, Bound::Included(listing.from.group), false));
        let mut data: Vec<(Cursor, WireLook<'_>)> = only
            .into_iter()
            .chain(all.into_iter().flatten())
            .flat_map(|(sequence, group_id, group)| {
                group.looks.iter().zip(1..).map(move |(look, number)| {
                    let behind = Cursor { group: sequence, look: number };
                    (behind, WireLook { group_id, group, look })
                })
            })
            .filter(|(behind, _)| (behind.group, behind.look) > (listing.from.group, listing.from.look))
            .take(listing.limit + 1)
            .collect();
        let has_more = data.len() > listing.limit;
        data.truncate(listing.limit);
        let next_token = data.last().filter(|_| has_more).map(|(behind, _)| behind.encode());
        let data = data.into_iter().map(|(_, look)| look).collect();
        Answer::json(200, &Page { data, has_more, next_token })
    }

    pub(super) fn on_the_wire<'a>(&'a self, id: &'a str, group: &'a Group) -> WireGroup<'a> {
        WireGroup { id, group, now: self.clock.now() }
    }
}

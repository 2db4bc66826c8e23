//! The reads: one group, groups, looks, the caller (HeyGen API notes, sections 4 to 6).

use std::ops::Bound;

use serde_json::json;

use super::cursor::{BEGINNING, Cursor};
use super::request::Received;
use super::wire::{Data, Page, Param, WireGroup, WireLook};
use super::{Answer, State};
use crate::group::Group;

/// Page size without `limit` (HeyGen API notes, section 6).
const DEFAULT_LIMIT: usize = 20;
/// Largest page (HeyGen API notes, section 6).
const MAX_LIMIT: usize = 50;

/// What the query of a list asks for.
struct Listing {
    private: bool,
    public: bool,
    limit: usize,
    from: Cursor,
}

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

    /// A page of the list, and the groups on it.
    pub(super) fn list_groups(&self, account: usize, received: &Received) -> (Answer, Vec<String>) {
        let listing = match Listing::read(received) {
            Ok(listing) => listing,
            Err(refusal) => return (refusal, Vec::new()),
        };
        let mut data: Vec<(u64, WireGroup<'_>)> = self
            .groups_behind(account, &listing, Bound::Excluded(listing.from.group))
            .take(listing.limit + 1)
            .map(|(sequence, id, group)| (sequence, self.on_the_wire(id, group)))
            .collect();
        let has_more = data.len() > listing.limit;
        data.truncate(listing.limit);
        let next_token = data.last().filter(|_| has_more).map(|(group, _)| {
            let group = *group;
            Cursor { group, look: 0 }.encode()
        });
        let data: Vec<WireGroup<'_>> = data.into_iter().map(|(_, group)| group).collect();
        let shown = data.iter().map(|group| group.id.to_owned()).collect();
        (Answer::json(200, &Page { data, has_more, next_token }), shown)
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
        let all = only.is_none().then(|| self.groups_behind(account, &listing, Bound::Included(listing.from.group)));
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

    fn on_the_wire<'a>(&'a self, id: &'a str, group: &'a Group) -> WireGroup<'a> {
        WireGroup { id, group, now: self.clock.now() }
    }

    /// The groups that a listing covers, in the order of creation. HeyGen's own order is unknown (HeyGen API notes,
    /// section 6).
    fn groups_behind<'a>(
        &'a self,
        account: usize,
        listing: &Listing,
        from: Bound<u64>,
    ) -> impl Iterator<Item = (u64, &'a str, &'a Group)> + use<'a> {
        let range = (from, Bound::Unbounded);
        let mut private = listing.private.then(|| self.accounts[account].groups.range(range)).into_iter().flatten().peekable();
        let mut public = listing.public.then(|| self.public_groups.range(range)).into_iter().flatten().peekable();
        std::iter::from_fn(move || match (private.peek(), public.peek()) {
            (Some((own, _)), Some((shared, _))) if own > shared => public.next(),
            (Some(_), _) => private.next(),
            (None, _) => public.next(),
        })
        .filter_map(|(sequence, id)| Some((*sequence, id.as_str(), self.groups.get(id)?)))
    }
}

impl Listing {
    fn read(received: &Received) -> Result<Self, Answer> {
        let (private, public) = match received.query_value("ownership").as_deref() {
            None => (true, true),
            Some("private") => (true, false),
            Some("public") => (false, true),
            Some(_) => return Err(Answer::invalid("ownership", "Must be public or private")),
        };
        let limit = match received.query_value("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| Answer::invalid("limit", "Must be from 1 to 50"))?,
        };
        let from = match received.query_value("token") {
            None => BEGINNING,
            Some(token) => Cursor::decode(&token).ok_or_else(|| Answer::invalid("token", "Not a token of this list"))?,
        };
        Ok(Self { private, public, limit, from })
    }
}

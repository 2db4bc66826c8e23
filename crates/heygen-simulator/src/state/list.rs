//! The list of groups, page by page, and its trouble (HeyGen API notes, section 6).
//!
//! A page costs the time of its own length, however many groups there are and wherever it begins.

use std::ops::Bound;

use super::request::Received;
use super::wire::Page;
use super::{Answer, State};
use crate::cursor::{BEGINNING, Cursor};
use crate::fault::ListTrouble;
use crate::group::Group;

/// Page size without `limit` (HeyGen API notes, section 6).
const DEFAULT_LIMIT: usize = 20;
/// Largest page (HeyGen API notes, section 6).
const MAX_LIMIT: usize = 50;

/// What the query of a list asks for.
pub(super) struct Listing {
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) limit: usize,
    pub(super) from: Cursor,
    /// The token that was asked with.
    token: Option<String>,
}

/// One group with its place in the order of creation and its id.
type Item<'a> = (u64, &'a str, &'a Group);

impl State {
    pub(super) fn list_groups(&mut self, account: usize, received: &Received, trouble: &[ListTrouble]) -> Answer {
        let listing = match Listing::read(received) {
            Ok(listing) => listing,
            Err(refusal) => return refusal,
        };
        if listing.is_first() {
            self.accounts[account].list_scans += 1;
        }
        let (items, next_token) = self.page(account, &listing, trouble);
        let ids: Vec<String> = items.iter().map(|(_, id, _)| (*id).to_owned()).collect();
        let data = items.into_iter().map(|(_, id, group)| self.on_the_wire(id, group)).collect();
        let answer = Answer::json(200, &Page { data, has_more: next_token.is_some(), next_token });
        self.record.listed(ids.iter().map(String::as_str));
        answer
    }

    /// The items of a page, and the token of the next one when there is one.
    fn page<'a>(&'a self, account: usize, listing: &Listing, trouble: &[ListTrouble]) -> (Vec<Item<'a>>, Option<String>) {
        let has = |kind: &ListTrouble| trouble.contains(kind);
        let moving: Vec<Item<'a>> = trouble
            .iter()
            .filter_map(|trouble| match trouble {
                ListTrouble::ItemMoves { group } => self.groups.get_key_value(group),
                _ => None,
            })
            .map(|(id, group)| (group.sequence, id.as_str(), group))
            .collect();
        let is_hidden = |sequence: u64, id: &str| {
            let missing = |trouble: &ListTrouble| matches!(trouble, ListTrouble::ItemMissing { group } if group == id);
            moving.iter().any(|(moving, ..)| *moving == sequence) || trouble.iter().any(missing)
        };
        let limit = listing.limit.saturating_sub(moving.len()).max(1);
        let begins_with_the_last = has(&ListTrouble::ItemTwice) && !listing.is_first();
        let from = if begins_with_the_last { Bound::Included(listing.from.group) } else { Bound::Excluded(listing.from.group) };
        let left_out = usize::from(has(&ListTrouble::Shrinking) && !listing.is_first());
        let mut items: Vec<Item<'a>> = self
            .groups_behind(account, listing, from, has(&ListTrouble::NewestFirst))
            .filter(|(sequence, id, _)| !is_hidden(*sequence, id))
            .skip(left_out)
            .take(limit + 1)
            .collect();
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_token = items.last().filter(|_| has_more).map(|(group, ..)| {
            let behind = Cursor { group: *group, look: 0 }.encode();
            listing.token.clone().filter(|_| has(&ListTrouble::RepeatedToken)).unwrap_or(behind)
        });
        if self.accounts[account].list_scans.is_multiple_of(2) && (listing.is_first() || next_token.is_none()) {
            items.extend(moving);
        }
        (items, next_token)
    }

    /// The groups that a listing covers, in the order of creation or the other way round. HeyGen's own order is unknown (HeyGen
    /// API notes, section 6).
    pub(super) fn groups_behind<'a>(
        &'a self,
        account: usize,
        listing: &Listing,
        from: Bound<u64>,
        newest_first: bool,
    ) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let range = match newest_first {
            false => (from, Bound::Unbounded),
            true if listing.is_first() => (Bound::Unbounded, Bound::Unbounded),
            true => (Bound::Unbounded, from),
        };
        let mut private = listing.private.then(|| self.accounts[account].groups.range(range)).into_iter().flatten();
        let mut public = listing.public.then(|| self.public_groups.range(range)).into_iter().flatten();
        let mut next = [None, None];
        std::iter::from_fn(move || {
            let [own, shared] = &mut next;
            let mut fill = |from_private: bool| match (from_private, newest_first) {
                (true, false) => private.next(),
                (true, true) => private.next_back(),
                (false, false) => public.next(),
                (false, true) => public.next_back(),
            };
            *own = own.take().or_else(|| fill(true));
            *shared = shared.take().or_else(|| fill(false));
            match (&own, &shared) {
                (Some((first, _)), Some((second, _))) if (first > second) != newest_first => shared.take(),
                (Some(_), _) => own.take(),
                (None, _) => shared.take(),
            }
        })
        .filter_map(|(sequence, id)| Some((*sequence, id.as_str(), self.groups.get(id)?)))
    }
}

impl Listing {
    pub(super) fn read(received: &Received) -> Result<Self, Answer> {
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
        let token = received.query_value("token");
        let from = match &token {
            None => BEGINNING,
            Some(token) => Cursor::decode(token).ok_or_else(|| Answer::invalid("token", "Not a token of this list"))?,
        };
        Ok(Self { private, public, limit, from, token })
    }

    /// Whether it is read from the beginning.
    fn is_first(&self) -> bool {
        self.from == BEGINNING
    }
}

//! PURE. The shapes of HeyGen's answers, read leniently and by hand.
//!
//! Extra fields are ignored, absent means null, and the group may stand flat or under `avatar_group`
//! (HeyGen API notes, sections 3 to 6: optional fields come and go, and both nestings were seen).
//! A display field of the wrong type counts as absent. Strict is only what decides about a person:
//! the word of consent, the link, and whose group an answer is about. `None` means "cannot be believed".
//! What is kept of HeyGen's texts and times is made fit to be stored and shown here, where they come in: texts are cut and hold no
//! character that steers a terminal or changes the direction of writing, times are those that Kubernetes can write down. One value that
//! the API server refuses would keep a link from being recorded.
//! Rejected: derived types, with which one odd `looks_count` makes the whole answer unreadable, link included.

use serde_json::{Map, Value};

use crate::consent::link::Link;
use crate::consent::outcome::{Group, GroupsPage, LookType, LooksPage, Started};

/// The longest cursor that is sent back, in bytes. It travels in the request's line, for which servers allow 8 KiB and more.
const TOKEN_CAP: usize = 4096;

/// The longest text that is kept, in characters; a word of a policy has at most 64.
const TEXT_CAP: usize = 256;

/// The longest link, in bytes: browsers and servers take no more.
const LINK_CAP: usize = 8192;

/// From 1970 to 9999, in unix seconds: what a time in Kubernetes can be, and HeyGen is no older.
const TIMES: std::ops::RangeInclusive<i64> = 0..=253_402_300_799;

/// Whether the answer carries an `error`, which a success may do as well (section 8).
pub fn carries_error(json: &Value) -> bool {
    !json["error"].is_null()
}

/// The answer of `GET /v3/avatars/{group_id}` (section 5).
pub fn group(json: &Value, group_id: &str) -> Option<Group> {
    let data = json["data"].as_object()?;
    let object = data.get("avatar_group").and_then(Value::as_object).unwrap_or(data);
    is_about(object.get("id"), group_id).then(|| described(object))?
}

/// The answer of `GET /v3/avatars/looks` (paging as in section 6).
///
/// Looks of another group make it unbelievable: they would decide whether this person needs to be asked.
pub fn looks(json: &Value, group_id: &str) -> Option<LooksPage> {
    let looks = json["data"].as_array()?;
    if !looks.iter().all(|look| is_about(look.get("group_id"), group_id)) {
        return None;
    }
    let mut types: Vec<LookType> = looks.iter().map(look_type).collect();
    let next = match next_page(json) {
        NextPage::None => None,
        NextPage::At(token) => Some(token),
        NextPage::OutOfReach => {
            // The rest is unknown, and an unknown type never means "no person is depicted".
            types.push(LookType::Other);
            None
        }
    };
    Some(LooksPage { types, next })
}

/// The answer of `GET /v3/avatars` (section 6).
///
/// An item that cannot be believed costs itself and not the other 49; its group is then read singly, like one that the list left out.
pub fn groups(json: &Value) -> Option<GroupsPage> {
    let items = json["data"].as_array()?;
    let groups: Vec<_> = items.iter().filter_map(listed).collect();
    let unreadable = items.len() - groups.len();
    let (next, cut_short) = match next_page(json) {
        NextPage::None => (None, false),
        NextPage::At(token) => (Some(token), false),
        NextPage::OutOfReach => (None, true),
    };
    Some(GroupsPage { groups, unreadable, next, cut_short })
}

fn listed(item: &Value) -> Option<(String, Group)> {
    let object = item.as_object()?;
    let object = object.get("avatar_group").and_then(Value::as_object).unwrap_or(object);
    let id = object.get("id")?.as_str().filter(|id| !id.is_empty())?;
    Some((id.to_owned(), described(object)?))
}

/// Where a list goes on (section 6: "stop when `has_more` is false or `next_token` is empty").
enum NextPage {
    None,
    At(String),
    /// There is more, and no cursor that could be sent.
    OutOfReach,
}

fn next_page(json: &Value) -> NextPage {
    let more = json["has_more"].as_bool();
    if more == Some(false) {
        return NextPage::None;
    }
    let token = &json["next_token"];
    match token.as_str() {
        Some(token) if (1..=TOKEN_CAP).contains(&token.len()) => NextPage::At(token.to_owned()),
        Some("") if more.is_none() => NextPage::None,
        None if token.is_null() && more.is_none() => NextPage::None,
        Some(_) | None => NextPage::OutOfReach,
    }
}

/// The answer of `POST /v3/avatars/{group_id}/consent` (section 3); the request id is a header and stays `None` here.
///
/// A group that cannot be read costs the group, not the link: the next poll reads it again, but the link may never come twice.
/// A group with another id costs everything, for the link is then another person's.
pub fn started(json: &Value, group_id: &str) -> Option<Started> {
    let data = json["data"].as_object()?;
    let link = match data.get("url") {
        None | Some(Value::Null) => None,
        Some(Value::String(url)) if url.len() > LINK_CAP || url.contains(steers) => return None,
        Some(Value::String(url)) => (!url.is_empty()).then(|| Link::new(url.as_str())),
        Some(_) => return None,
    };
    let group = data.get("avatar_group").and_then(Value::as_object);
    if !group.is_none_or(|group| is_about(group.get("id"), group_id)) {
        return None;
    }
    Some(Started { link, group: group.and_then(described), request_id: None })
}

fn is_about(id: Option<&Value>, group_id: &str) -> bool {
    match id {
        None | Some(Value::Null) => true,
        Some(id) => id.as_str() == Some(group_id),
    }
}

fn described(object: &Map<String, Value>) -> Option<Group> {
    let consent_status = match object.get("consent_status") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(fit(word)),
        Some(_) => return None,
    };
    let text = |field: &str| object.get(field).and_then(Value::as_str).map(fit);
    let number = |field: &str| object.get(field).and_then(Value::as_i64);
    Some(Group {
        name: text("name"),
        status: text("status"),
        looks_count: number("looks_count"),
        created_at: number("created_at").filter(|second| TIMES.contains(second)),
        consent_status,
    })
}

/// A text as it may be stored and shown. A word that had to be changed for that is no word that any policy knows.
fn fit(text: &str) -> String {
    let mut kept: String = text.chars().take(TEXT_CAP).map(|character| if steers(character) { '\u{fffd}' } else { character }).collect();
    if text.chars().nth(TEXT_CAP).is_some() {
        kept.push('…');
    }
    kept
}

/// Control characters, line and paragraph separators, and the marks that change the direction of writing.
fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn look_type(look: &Value) -> LookType {
    match look["avatar_type"].as_str() {
        Some("digital_twin") => LookType::DigitalTwin,
        // By the schema the looks of a prompt avatar are photo avatars as well (HeyGen API notes, section 2: there is no fourth type); should
        // they carry the name under which they are created, it says the same.
        Some("photo_avatar" | "photo" | "prompt_avatar" | "prompt") => LookType::PhotoAvatar,
        _ => LookType::Other,
    }
}

#[cfg(test)]
mod tests;

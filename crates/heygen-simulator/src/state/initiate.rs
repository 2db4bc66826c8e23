//! `POST /v3/avatars/{group_id}/consent` (HeyGen API notes, section 3).

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::wire::{Data, Initiated, WireGroup};
use super::{Answer, State};
use crate::answer::Param;
use crate::clock::millis;
use crate::link::{Link, LinkProgress};
use crate::record::Effect;

/// Longest `consent_text`, in characters (HeyGen API notes, section 3).
const MAX_TEXT: usize = 1000;

/// A valid body.
enum Request {
    /// Level 1: the person records on a page.
    Page { reroute_url: Option<String>, consent_text: Option<String> },
    /// Level 2: the clip exists already.
    Clip,
}

impl State {
    pub(super) fn initiate(&mut self, account: usize, group_id: &str, body: Option<&Bytes>) -> Answer {
        if let Err(refusal) = self.own_group(account, group_id) {
            return refusal;
        }
        let request = match body.map(parse) {
            Some(Ok(request)) => request,
            Some(Err(refusal)) => return refusal,
            None => {
                let text = "The body is too large";
                return Answer::error(413, "payload_too_large", text, Param::Null);
            }
        };
        if self.groups.get(group_id).is_some_and(|group| group.begun_elsewhere) {
            return self.already_bound();
        }
        match request {
            Request::Page { reroute_url, consent_text } => self.hand_out_link(group_id, reroute_url, consent_text),
            Request::Clip => self.take_clip(account, group_id),
        }
    }

    fn hand_out_link(&mut self, group_id: &str, reroute_url: Option<String>, consent_text: Option<String>) -> Answer {
        let now = self.clock.now();
        if self.behaviour.already_bound.is_some() && self.has_live_link(group_id) {
            return self.already_bound();
        }
        let Ok(token) = random_token() else {
            let text = "No random numbers to be had";
            return Answer::error(500, "internal_error", text, Param::Null);
        };
        let url = self.link_url(&token);
        let mut progress = LinkProgress::Open;
        if let Some(group) = self.groups.get_mut(group_id) {
            group.links.push(token.clone());
            group.initiated(now);
            if group.consents_when_asked && group.consent_status(now) == Some("pending") {
                progress = LinkProgress::Consented;
                group.begin_review(now.saturating_add(millis(self.behaviour.review_time)), self.behaviour.approved_word.clone());
            }
        }
        self.links.insert(token, Link { group_id: group_id.to_owned(), created: now, progress, reroute_url, consent_text });
        self.initiated(group_id, Some(&url))
    }

    fn already_bound(&self) -> Answer {
        let text = "security code already binded";
        let (status, code) =
            self.behaviour.already_bound.as_ref().map_or((400, "invalid_parameter"), |bound| (bound.status, bound.code.as_str()));
        Answer::error(status, code, text, Param::Null)
    }

    fn take_clip(&mut self, account: usize, group_id: &str) -> Answer {
        if !self.accounts[account].enterprise {
            // The wording is observed, the code is inferred (HeyGen API notes, section 3).
            let text = "consent_video is only available to enterprise API customers";
            return Answer::error(403, "forbidden", text, Param::Named("consent_video"));
        }
        let ends = self.clock.now().saturating_add(millis(self.behaviour.review_time));
        let word = self.behaviour.approved_word.clone();
        if let Some(group) = self.groups.get_mut(group_id) {
            group.begin_review(ends, word);
        }
        self.initiated(group_id, None)
    }

    fn initiated(&self, group_id: &str, url: Option<&str>) -> Answer {
        let Some(group) = self.groups.get(group_id) else {
            return super::read::no_such_group();
        };
        let avatar_group = WireGroup { id: group_id, group, now: self.clock.now() };
        let data = Initiated { avatar_group, url };
        Answer::json(200, &Data { data }).with_effect(Effect::Executed)
    }

    fn has_live_link(&self, group_id: &str) -> bool {
        let now = self.clock.now();
        let lifetime = millis(self.behaviour.link_lifetime);
        self.groups
            .get(group_id)
            .into_iter()
            .flat_map(|group| &group.links)
            .filter_map(|token| self.links.get(token))
            .any(|link| now < link.created.saturating_add(lifetime))
    }
}

fn parse(body: &Bytes) -> Result<Request, Answer> {
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| {
        let text = "The body must be a JSON object";
        Answer::error(400, "invalid_parameter", text, Param::Null)
    })?;
    let reroute_url = text(&fields, "reroute_url")?;
    let consent_text = text(&fields, "consent_text")?;
    if let Some(text) = &consent_text {
        check_text(text)?;
    }
    let Some(clip) = fields.get("consent_video").filter(|clip| !clip.is_null()) else {
        return Ok(Request::Page { reroute_url, consent_text });
    };
    check_clip(clip)?;
    for (field, given) in [("reroute_url", reroute_url.is_some()), ("consent_text", consent_text.is_some())] {
        if given {
            return Err(Answer::invalid(field, "Not allowed with consent_video"));
        }
    }
    Ok(Request::Clip)
}

/// A string field; `null` counts as absent.
fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Answer> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Answer::invalid(name, "Must be a string")),
    }
}

fn check_text(text: &str) -> Result<(), Answer> {
    if text.chars().count() > MAX_TEXT {
        return Err(Answer::invalid("consent_text", "At most 1000 characters"));
    }
    if text.contains(['<', '>']) {
        return Err(Answer::invalid("consent_text", "Must not contain < or >"));
    }
    Ok(())
}

/// The union on `type`. The `base64` arm of the schema is missing in the prose and not to be relied on (HeyGen API notes,
/// section 3), so it is refused here.
fn check_clip(clip: &Value) -> Result<(), Answer> {
    let field = match clip.get("type").and_then(Value::as_str) {
        Some("url") => "url",
        Some("asset_id") => "asset_id",
        _ => {
            let text = "Must be an object whose type is url or asset_id";
            return Err(Answer::invalid("consent_video", text));
        }
    };
    let param = format!("consent_video.{field}");
    match clip.get(field).and_then(Value::as_str) {
        None | Some("") => Err(Answer::invalid(&param, "Must be a string")),
        Some(url) if field == "url" && !url.starts_with("https://") => Err(Answer::invalid(&param, "Must be a public HTTPS address")),
        Some(_) => Ok(()),
    }
}

/// 192 random bits in hexadecimal: anyone who guesses one acts as the person.
pub(super) fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

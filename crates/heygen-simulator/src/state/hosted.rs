//! The hosted page: a person opens the link, records, agrees or declines.

use axum::body::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;

use super::html::{self, Page};
use super::request::Received;
use super::{Answer, State};
use crate::clock::millis;
use crate::link::{Link, LinkProgress};
use crate::target::{PageStep, Target, pairs};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Consent,
    Decline,
}

impl State {
    pub(super) fn hosted_page(&mut self, received: &Received) -> Answer {
        let Target::Page { token, step } = &received.target else {
            return html::page(404, &Page::Unknown);
        };
        let Some(link) = self.links.get(token) else {
            return html::page(404, &Page::Unknown);
        };
        match (step, &received.method) {
            // The end page outlives the link: a person may look at it as long as they like.
            (PageStep::Done, &Method::GET) => html::page(200, &Page::Done),
            (PageStep::Open, &Method::GET) => self.show(token, link, PageStep::Open),
            (PageStep::Record, &Method::POST) => self.record_clip(token),
            (PageStep::Decision, &Method::POST) => self.decide(token, received.body.as_ref()),
            _ => html::page(405, &Page::WrongMethod),
        }
    }

    fn is_dead(&self, link: &Link) -> bool {
        let lifetime = millis(self.behaviour.link_lifetime);
        self.clock.now() >= link.created.saturating_add(lifetime)
    }

    /// The page as `at` shows it; its forms are addressed relatively, so that a proxy may put it under another path.
    fn show(&self, token: &str, link: &Link, at: PageStep) -> Answer {
        if self.is_dead(link) {
            return html::page(410, &Page::Expired);
        }
        let name = self.groups.get(&link.group_id).map_or(link.group_id.as_str(), |group| group.name.as_str());
        let statement = match &link.consent_text {
            Some(text) => text.clone(),
            None => format!("I am the person in the footage of “{name}”. I agree that a digital twin of me is made from it and used."),
        };
        let action = |step: &str| match at {
            PageStep::Open => format!("{token}/{step}"),
            PageStep::Record | PageStep::Decision | PageStep::Done => step.to_owned(),
        };
        match link.progress {
            LinkProgress::Open => html::page(200, &Page::Record { name, statement: &statement, action: &action("record") }),
            LinkProgress::Recorded => html::page(200, &Page::Decide { name, statement: &statement, action: &action("decision") }),
            LinkProgress::Consented | LinkProgress::Declined => html::page(410, &Page::Used),
        }
    }

    fn record_clip(&mut self, token: &str) -> Answer {
        let Some(link) = self.links.get(token) else {
            return html::page(404, &Page::Unknown);
        };
        if self.is_dead(link) {
            return html::page(410, &Page::Expired);
        }
        // One recording per link (HeyGen API notes, section 3); a browser that repeats the form makes no second one.
        if link.progress == LinkProgress::Open
            && let Some(link) = self.links.get_mut(token)
        {
            link.progress = LinkProgress::Recorded;
        }
        match self.links.get(token) {
            Some(link) => self.show(token, link, PageStep::Record),
            None => html::page(404, &Page::Unknown),
        }
    }

    fn decide(&mut self, token: &str, body: Option<&Bytes>) -> Answer {
        let Some(decision) = body.and_then(read_decision) else {
            return html::page(400, &Page::NoDecision);
        };
        let Some(link) = self.links.get(token) else {
            return html::page(404, &Page::Unknown);
        };
        let leave = see_other(link.reroute_url.as_deref(), &format!("{}/done", self.link_url(token)));
        match (link.progress, decision) {
            // A second click on the same button, and a browser that repeats the form, land where the first did.
            (LinkProgress::Consented, Decision::Consent) | (LinkProgress::Declined, Decision::Decline) => {
                return leave;
            }
            (LinkProgress::Consented | LinkProgress::Declined, _) => {
                return html::page(410, &Page::Used);
            }
            _ if self.is_dead(link) => return html::page(410, &Page::Expired),
            (LinkProgress::Open, _) => return html::page(409, &Page::RecordFirst),
            (LinkProgress::Recorded, _) => {}
        }
        let group_id = link.group_id.clone();
        let ends = self.clock.now().saturating_add(millis(self.behaviour.review_time));
        if let Some(group) = self.groups.get_mut(&group_id) {
            match decision {
                Decision::Consent => {
                    group.begin_review(ends, self.behaviour.approved_word.clone());
                }
                Decision::Decline => {
                    group.set_consent_status(Some(self.behaviour.rejected_word.clone()));
                }
            }
        }
        if let Some(link) = self.links.get_mut(token) {
            link.progress = match decision {
                Decision::Consent => LinkProgress::Consented,
                Decision::Decline => LinkProgress::Declined,
            };
        }
        leave
    }
}

fn read_decision(body: &Bytes) -> Option<Decision> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, word) = pairs(text).find(|(name, _)| name == "decision")?;
    match word.as_str() {
        "consent" => Some(Decision::Consent),
        "decline" => Some(Decision::Decline),
        _ => None,
    }
}

/// To the reroute URL, or to HeyGen's own end page; to the latter as well when the URL cannot stand in a header.
fn see_other(reroute: Option<&str>, end_page: &str) -> Answer {
    let location = reroute.filter(|url| !url.is_empty() && HeaderValue::from_str(url).is_ok()).unwrap_or(end_page);
    let mut answer = html::page(303, &Page::Done);
    answer.headers.push(("location".to_owned(), location.to_owned()));
    answer
}

//! HeyGen, read only: the list of an account's avatar groups, and the looks of a group.
//!
//! Two requests are all that is ever sent, both of them GETs: nothing is asked for, and no person is. What an answer means is read by
//! [`twinconsent_core::heygen`], as the operator reads it. Redirects are not followed: the key would travel with them.
//! The key is sent as a sensitive header; neither it nor an answer's prose, URL or body is printed.

mod again;
mod pace;
mod trouble;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use reqwest::header::{self, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use twinconsent_core::api::account::Auth;
use twinconsent_core::consent::outcome::{Class, Concern, Group, GroupsPage, LookType, LooksPage, Outcome, Trouble};
use twinconsent_core::heygen::retry_after::{parse_date, parse_retry_after};
use twinconsent_core::heygen::{BODY_CAP, PER_PAGE, address, understand, wire, without_body};
use url::Url;

use crate::clock;
use crate::error::Error;
use crate::output::Output;
use crate::text::plain;

use pace::Pace;

/// How long connecting may take, name resolution and TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a read may take in all, body included (HeyGen's own CLI allows 30 s: HeyGen API notes, section 8).
const READ: Duration = Duration::from_secs(30);

/// How many pages a list may have.
const MOST_PAGES: usize = 2000;

/// How many groups are held, at most.
const MOST_GROUPS: usize = 100_000;

/// How often a list is read, at most, until a reading shows no group that was not known.
const MOST_READINGS: usize = 4;

/// How many pages of looks are read of a group. Beyond them it counts as one that may depict a person.
const MOST_LOOK_PAGES: usize = 20;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where requests are sent, with which key, and how fast. `Debug` shows no key.
#[derive(Debug, Clone)]
pub struct Access {
    /// The root below which `v3/…` lies.
    pub base_url: Url,
    /// How the key is sent.
    pub auth: Auth,
    /// The key; white space around it is not part of it.
    pub key: SecretString,
    /// Where the key was found, for messages.
    pub found_in: String,
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests at once.
    pub burst: u32,
}

/// The client.
pub struct HeyGen {
    client: Client,
    access: Access,
    authorization: (HeaderName, HeaderValue),
    pace: Pace,
    /// How long it has waited because HeyGen wanted it, or was in trouble.
    waited: Duration,
}

/// The avatar groups of an account, by their ids.
#[derive(Debug, Default)]
pub struct Groups {
    /// Those that could be read.
    pub groups: BTreeMap<String, Group>,
    /// How many could not be read.
    pub unreadable: usize,
    /// HeyGen says that there is more, and there is no way to it.
    pub is_cut_short: bool,
    /// Each reading has shown groups that the one before had not.
    pub is_changing: bool,
}

/// What the looks of a group show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depicts {
    /// A person, or it is not known that it is none.
    Person,
    /// Photo avatars alone, which need no consent.
    NoPerson,
    /// HeyGen does not know the group any more.
    Gone,
    /// HeyGen does not show its looks.
    Unknown,
}

impl HeyGen {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the key is none, or there are no root certificates.
    pub fn new(access: Access) -> Result<Self, Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorization = authorization(&access)
            .ok_or_else(|| Error::failed(format!("what stands in {} is no API key", access.found_in)).then("It is one line of text."))?;
        let client = Client::builder()
            .user_agent(concat!("kubectl-twinconsent/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(READ)
            .build()
            .map_err(|error| {
                Error::failed(format!("cannot set up HTTPS: {}", innermost(error)))
                    .then("Are root certificates installed (package ca-certificates, or SSL_CERT_FILE)?")
            })?;
        let pace = Pace::new(access.per_minute, access.burst, Instant::now());
        Ok(Self { client, access, authorization, pace, waited: Duration::ZERO })
    }

    /// How long so many requests take, at the account's pace.
    #[must_use]
    pub fn time_for(&self, requests: usize) -> Duration {
        self.pace.time_for(requests, Instant::now())
    }

    /// Reads the account's own groups: `GET /v3/avatars?ownership=private` (HeyGen API notes, section 6).
    ///
    /// Groups move between pages while they are read, and one may then stand on none. So a list of several pages is read until a reading
    /// shows no group that was not known, `MOST_READINGS` times at most.
    ///
    /// # Errors
    /// When HeyGen cannot be reached, or refuses.
    pub async fn groups(&mut self, output: &mut Output) -> Result<Groups, Error> {
        let mut all = Groups::default();
        for reading in 1..=MOST_READINGS {
            let known = all.groups.len();
            let pages = self.read_list(&mut all, output).await?;
            all.is_changing = pages > 1 && !all.is_cut_short && (reading == 1 || all.groups.len() > known);
            if !all.is_changing {
                break;
            }
        }
        Ok(all)
    }

    /// Reads the list once, and returns how many pages it has.
    async fn read_list(&mut self, all: &mut Groups, output: &mut Output) -> Result<usize, Error> {
        (all.unreadable, all.is_cut_short) = (0, false);
        let mut cursors = HashSet::new();
        let mut cursor: Option<String> = None;
        for pages in 1..=MOST_PAGES {
            let GroupsPage { groups, unreadable, next, cut_short } = self.page(cursor.as_deref(), output).await?;
            all.groups.extend(groups);
            all.unreadable += unreadable;
            all.is_cut_short = cut_short || all.groups.len() > MOST_GROUPS;
            let Some(next) = next.filter(|_| !all.is_cut_short) else { return Ok(pages) };
            // A cursor that leads to where the reading was leads nowhere else.
            if !cursors.insert(next.clone()) {
                break;
            }
            cursor = Some(next);
        }
        all.is_cut_short = true;
        Ok(cursors.len().max(2))
    }

    async fn page(&mut self, cursor: Option<&str>, output: &mut Output) -> Result<GroupsPage, Error> {
        let query = [("ownership", "private"), ("limit", PER_PAGE)];
        let read = |json: &Value| wire::groups(json).map(Outcome::Listed);
        match self.get(&["v3", "avatars"], &query, cursor, read, output).await {
            Ok(Outcome::Listed(page)) => Ok(page),
            Ok(_) => Err(trouble::error(&Trouble::of(Class::Unreadable), None, &self.access)),
            Err((trouble, detail)) => Err(trouble::error(&trouble, detail.as_deref(), &self.access)),
        }
    }

    /// Whether a group depicts a person, by its looks: `GET /v3/avatars/looks` (HeyGen API notes, sections 2 and 6).
    ///
    /// # Errors
    /// When HeyGen cannot be reached, or refuses the key.
    pub async fn depicts(&mut self, group: &str, output: &mut Output) -> Result<Depicts, Error> {
        let mut cursor = None;
        let mut is_shown = false;
        for _ in 0..MOST_LOOK_PAGES {
            let query = [("group_id", group), ("limit", PER_PAGE)];
            let read = |json: &Value| wire::looks(json, group).map(Outcome::LooksRead);
            let LooksPage { types, next } = match self.get(&["v3", "avatars", "looks"], &query, cursor.as_deref(), read, output).await {
                Ok(Outcome::LooksRead(page)) => page,
                Ok(_) => return Ok(Depicts::Unknown),
                Err((trouble, detail)) => match trouble.class.concern() {
                    Concern::Group => return Ok(Depicts::Gone),
                    Concern::Key | Concern::Budget | Concern::HeyGen => {
                        return Err(trouble::error(&trouble, detail.as_deref(), &self.access));
                    }
                    Concern::Call | Concern::Access | Concern::Request => return Ok(Depicts::Unknown),
                },
            };
            is_shown |= !types.is_empty();
            if types.iter().any(|type_| *type_ != LookType::PhotoAvatar) {
                return Ok(Depicts::Person);
            }
            if next.is_none() {
                // With no looks at all it is not known.
                return Ok(if is_shown { Depicts::NoPerson } else { Depicts::Person });
            }
            cursor = next;
        }
        Ok(Depicts::Person)
    }

    /// One answer, or what was in its way after the tries that make sense.
    async fn get(
        &mut self,
        segments: &[&str],
        query: &[(&str, &str)],
        cursor: Option<&str>,
        read: impl Fn(&Value) -> Option<Outcome>,
        output: &mut Output,
    ) -> Result<Outcome, (Trouble, Option<String>)> {
        let mut url = address::of(&self.access.base_url, segments).map_err(|trouble| (trouble, None))?;
        url.query_pairs_mut().extend_pairs(query).extend_pairs(cursor.map(|token| ("token", token)));
        let mut failures = 0;
        loop {
            let pause = self.pace.next(Instant::now());
            tokio::time::sleep(pause).await;
            let (name, value) = self.authorization.clone();
            let (outcome, detail) = attempt(self.client.get(url.clone()).header(name, value), &read).await;
            let Outcome::Trouble(trouble) = outcome else { return Ok(outcome) };
            failures += 1;
            let Some(pause) = again::pause(&trouble, failures, self.waited) else { return Err((trouble, detail)) };
            output.note(&format!("{}; the next try is in {} s", trouble::what(&trouble, detail.as_deref(), &self.access), pause.as_secs()));
            self.waited += pause;
            tokio::time::sleep(pause).await;
        }
    }
}

/// Sends a request and understands the answer; with what kept it away, in words.
async fn attempt(request: RequestBuilder, read: &impl Fn(&Value) -> Option<Outcome>) -> (Outcome, Option<String>) {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return (Outcome::Trouble(Trouble::of(Class::Unreachable)), Some(innermost(error))),
    };
    let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
    let (outcome, detail) = match body(&mut response).await {
        Ok(Some(body)) => (understand(false, status, &body, read), None),
        Ok(None) => (Outcome::Trouble(without_body(status, Class::Unreadable)), None),
        Err(error) => (Outcome::Trouble(without_body(status, Class::Unreachable)), Some(innermost(error))),
    };
    match outcome {
        Outcome::Trouble(trouble) => (Outcome::Trouble(Trouble { retry_after, ..trouble }), detail),
        good => (good, detail),
    }
}

/// The whole body; `None` when it is too large.
async fn body(response: &mut Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > BODY_CAP {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // A date is meant by the clock of the server that names it.
    let theirs = headers.get(DATE).and_then(|date| parse_date(date.to_str().ok()?));
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, theirs.unwrap_or_else(clock::now))
}

fn authorization(access: &Access) -> Option<(HeaderName, HeaderValue)> {
    let key = access.key.expose_secret().trim();
    if key.is_empty() {
        return None;
    }
    let (name, value) = match access.auth {
        Auth::ApiKey | Auth::Unrecognized => (API_KEY, HeaderValue::from_str(key)),
        Auth::Bearer => (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
    };
    let mut value = value.ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// The innermost cause, in one line and without the URL, which may hold a cursor.
fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    plain(cause.to_string().lines().next().unwrap_or_default())
}

//! PURE. Where a request goes.

use url::Url;

use crate::consent::outcome::{Class, Trouble};

/// A base URL as a user wrote it.
///
/// # Errors
///
/// Why it cannot be used. The URL is never repeated: a password may stand in it.
pub fn base(text: &str, allow_insecure: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_insecure => {}
        "http" => return Err("http would send keys unencrypted; use https, or add --allow-insecure-base-url for a simulator".to_owned()),
        _ => return Err("must begin with https://".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment".to_owned());
    }
    Ok(url)
}

/// The URL of a resource below the base, each segment escaped.
///
/// A segment that would lead elsewhere is refused without a request: empty and dotted ones name a different resource.
pub fn of(base_url: &Url, segments: &[&str]) -> Result<Url, Trouble> {
    let leads_elsewhere = |segment: &&str| matches!(*segment, "" | "." | "..") || segment.chars().any(char::is_control);
    if segments.iter().any(leads_elsewhere) {
        return Err(Trouble { param: Some("group_id"), ..Trouble::of(Class::Invalid) });
    }
    let mut url = base_url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only a URL such as `mailto:` has no path, and configuration refuses those.
    url.path_segments_mut().map_err(|()| Trouble::of(Class::Unreachable))?.pop_if_empty().extend(segments);
    Ok(url)
}

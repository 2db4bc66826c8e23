//! PURE. Where a request goes.

use url::Url;

use twinconsent_core::consent::outcome::{Class, Trouble};

/// The URL of a resource below the base, each segment escaped.
///
/// A segment that would lead elsewhere is refused without a request: empty and dotted ones name a different resource.
pub(super) fn of(base_url: &Url, segments: &[&str]) -> Result<Url, Trouble> {
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

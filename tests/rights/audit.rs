//! What a user asked of the API server, by its audit log.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::right::Right;

/// Everything that `user` asked for, refused or not, but for what every user may ask for: what it may do itself.
pub fn used(log: &Path, user: &str) -> BTreeSet<Right> {
    let log = std::fs::read_to_string(log).unwrap();
    // The last line may be half written.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let entries = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["user"]["username"] == user).filter_map(|entry| right(&entry)).collect()
}

/// `None` for a path that is no resource, such as the OpenAPI document, and for a review of one's own rights.
fn right(entry: &Value) -> Option<Right> {
    let object = entry.get("objectRef")?;
    let text = |field: &str| object[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if object["resource"] == "selfsubjectaccessreviews" {
        return None;
    }
    let resource = text("resource")?;
    Some(Right {
        verb: entry["verb"].as_str().unwrap().to_owned(),
        group: text("apiGroup").unwrap_or_default(),
        resource: text("subresource").map_or(resource.clone(), |subresource| format!("{resource}/{subresource}")),
        namespace: text("namespace"),
        name: text("name"),
    })
}

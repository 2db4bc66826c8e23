//! Deformed answers: right status, JSON, and not what the documentation promises.

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::cursor;

/// A deformation of a successful JSON answer; on answers without the thing to deform it does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reshape {
    /// `data` holds the group under `avatar_group`, as some clients expect of the GET (HeyGen API notes, section 5).
    NestedGroup,
    /// Fields that no documentation knows, in `data` and beside it.
    ExtraFields,
    /// `data` is a list with the real thing in it.
    DataIsList,
    /// `data` is an object, `{"items": …}`.
    DataIsObject,
    /// `data` is `null`.
    DataIsNull,
    /// `data` is missing.
    DataIsMissing,
    /// `looks_count` of every group is a string.
    LooksCountIsString,
    /// `created_at` of every group is a string.
    CreatedAtIsString,
    /// `consent_status` of every group is a number.
    ConsentStatusIsNumber,
    /// `consent_status` of every group is missing.
    ConsentStatusIsMissing,
    /// The answer to a POST has no `url`.
    UrlIsMissing,
    /// The `url` in the answer to a POST is a number.
    UrlIsNumber,
    /// `has_more` is a string.
    HasMoreIsString,
    /// A page claims more and gives no token.
    HasMoreWithoutToken,
    /// A page claims more and points back to the beginning.
    EndlessPages,
}

impl Reshape {
    /// The deformed body; a body that is not JSON stays.
    pub(crate) fn apply(self, body: &Bytes) -> Bytes {
        let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
            return body.clone();
        };
        self.deform(&mut answer);
        Bytes::from(answer.to_string())
    }

    fn deform(self, answer: &mut Value) {
        let data = answer["data"].take();
        answer["data"] = match self {
            Self::NestedGroup => json!({ "avatar_group": data }),
            Self::DataIsList => json!([data]),
            Self::DataIsObject => json!({ "items": data }),
            Self::DataIsNull => Value::Null,
            _ => data,
        };
        match self {
            Self::NestedGroup | Self::DataIsList | Self::DataIsObject | Self::DataIsNull => {}
            Self::DataIsMissing => {
                answer.as_object_mut().map(|all| all.remove("data"));
            }
            Self::ExtraFields => {
                answer["surprise"] = json!({ "level": 1 });
                each_group(answer, |group| group["surprise"] = json!(["new", 1, null]));
            }
            Self::LooksCountIsString => each_group(answer, |group| group["looks_count"] = json!("1")),
            Self::CreatedAtIsString => {
                each_group(answer, |group| group["created_at"] = json!("2026-07-01T00:00:00Z"));
            }
            Self::ConsentStatusIsNumber => {
                each_group(answer, |group| group["consent_status"] = json!(1));
            }
            Self::ConsentStatusIsMissing => each_group(answer, |group| {
                group.as_object_mut().map(|group| group.remove("consent_status"));
            }),
            Self::UrlIsMissing => {
                answer["data"].as_object_mut().map(|data| data.remove("url"));
            }
            Self::UrlIsNumber => {
                if answer["data"].get("url").is_some() {
                    answer["data"]["url"] = json!(1);
                }
            }
            Self::HasMoreIsString => answer["has_more"] = json!("true"),
            Self::HasMoreWithoutToken => {
                answer["has_more"] = json!(true);
                answer["next_token"] = Value::Null;
            }
            Self::EndlessPages => {
                answer["has_more"] = json!(true);
                answer["next_token"] = json!(cursor::BEGINNING.encode());
            }
        }
    }
}

/// Calls `change` on every group in the answer, wherever the endpoint puts groups.
fn each_group(answer: &mut Value, change: impl Fn(&mut Value)) {
    match &mut answer["data"] {
        Value::Array(groups) => groups.iter_mut().for_each(change),
        Value::Object(data) => match data.get_mut("avatar_group") {
            Some(group) => change(group),
            None => change(&mut answer["data"]),
        },
        _ => {}
    }
}

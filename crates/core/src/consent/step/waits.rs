//! PURE. What is told of a request that has to wait: for what.

use std::borrow::Cow;

use crate::consent::outcome::{Class, Concern};

/// For a permit.
pub(super) const FOR_A_PERMIT: &str = "HeyGen has not been asked yet: the account's rateLimit, or a pause that HeyGen asked for, does not allow it. The operator asks as soon as it may.";

/// For the group's looks, which do not tell yet whether a person is depicted.
pub(super) const FOR_LOOKS: &str =
    "HeyGen lists no look of the group that shows whether the group depicts a person. The operator reads the list again.";

/// For HeyGen, after this trouble with a poll; the code is one of the documented ones, or says in a word what kept the answer away.
pub(super) fn for_heygen(trouble: Class, code: Option<&str>) -> Cow<'static, str> {
    match trouble.concern() {
        Concern::Group => {
            "HeyGen does not know this avatar group, at least not yet. The operator polls again before it says that the group is missing."
                .into()
        }
        Concern::Request => {
            let why = code.map(|code| format!(", with the code `{code}`")).unwrap_or_default();
            format!("HeyGen refuses to tell about this avatar group{why}. The operator tries again.").into()
        }
        Concern::Key | Concern::Budget | Concern::HeyGen | Concern::Call | Concern::Access => {
            let why = code.map(|code| format!(" ({code})")).unwrap_or_default();
            format!("HeyGen has not given a usable answer yet{why}. The operator tries again.").into()
        }
    }
}

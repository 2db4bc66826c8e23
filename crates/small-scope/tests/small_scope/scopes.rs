//! What is tried in CI, each start with everything that may come over it.
//!
//! What would be too many states together is tried apart: two replicas at once, one with more disturbances, judgements, backups, a
//! store that refuses, two objects that want the same group, and a link that goes into a Secret.

use serde_json::{Value, json};

use crate::events::{Kind, Scope};

pub fn all() -> Vec<Scope> {
    let plain = || json!({"groupID": "g"});
    let into_secret = || json!({"groupID": "g", "linkSecretRef": {"name": "link"}});
    let scope = |name: &'static str, spec: fn() -> Value, disturbances: u8, most: &[(Kind, u8)]| Scope {
        name,
        spec,
        starts: vec![Some("pending")],
        words: vec![Some("approved"), Some("rejected")],
        places: 1,
        replicas: 1,
        most: most.to_vec(),
        disturbances,
        planted: None,
    };
    vec![
        Scope {
            replicas: 2,
            ..scope(
                "two replicas",
                plain,
                1,
                &[
                    (Kind::Due, 1),
                    (Kind::Crash, 1),
                    (Kind::Lost, 1),
                    (Kind::Delay, 1),
                    (Kind::Word, 1),
                    (Kind::Epoch, 1),
                    (Kind::Recreate, 1),
                ],
            )
        },
        Scope {
            starts: vec![None],
            ..scope(
                "asking",
                plain,
                2,
                &[
                    (Kind::Minute, 1),
                    (Kind::Day, 1),
                    (Kind::Crash, 1),
                    (Kind::Lost, 1),
                    (Kind::Delay, 1),
                    (Kind::Word, 1),
                    (Kind::Epoch, 1),
                    (Kind::Suspend, 1),
                    (Kind::Recreate, 1),
                ],
            )
        },
        Scope {
            starts: vec![Some("approved"), Some("pending")],
            words: vec![Some("approved"), Some("rejected"), Some("pending"), Some("weird"), None],
            ..scope(
                "judging",
                plain,
                2,
                &[
                    (Kind::Due, 2),
                    (Kind::Crash, 1),
                    (Kind::Word, 2),
                    (Kind::Policy, 2),
                    (Kind::Bring, 1),
                    (Kind::Forge, 1),
                    (Kind::Force, 1),
                    (Kind::Refresh, 1),
                    (Kind::Suspend, 1),
                ],
            )
        },
        Scope {
            starts: vec![Some("approved"), Some("pending")],
            words: vec![Some("approved"), Some("pending"), Some("rejected")],
            ..scope(
                "brought late",
                into_secret,
                3,
                &[(Kind::Due, 1), (Kind::BringLate, 2), (Kind::Word, 1), (Kind::Crash, 1), (Kind::Lost, 1)],
            )
        },
        scope(
            "restoring",
            plain,
            3,
            &[(Kind::Due, 1), (Kind::Backup, 1), (Kind::Restore, 1), (Kind::Epoch, 2), (Kind::Word, 1), (Kind::Crash, 1)],
        ),
        Scope {
            starts: vec![Some("pending"), Some("approved")],
            ..scope(
                "refusing",
                plain,
                2,
                &[
                    (Kind::Due, 2),
                    (Kind::Refuse, 2),
                    (Kind::Epoch, 1),
                    (Kind::Word, 1),
                    (Kind::Crash, 1),
                    (Kind::Lost, 1),
                    (Kind::Recreate, 1),
                ],
            )
        },
        scope(
            "begun elsewhere",
            plain,
            2,
            &[
                (Kind::Due, 1),
                (Kind::Day, 1),
                (Kind::Bound, 2),
                (Kind::Epoch, 1),
                (Kind::Word, 1),
                (Kind::Crash, 1),
                (Kind::Lost, 1),
                (Kind::Force, 1),
            ],
        ),
        Scope {
            starts: vec![None, Some("pending")],
            words: vec![Some("approved")],
            ..scope(
                "terms",
                into_secret,
                3,
                &[
                    (Kind::Terms, 2),
                    (Kind::Epoch, 1),
                    (Kind::Word, 1),
                    (Kind::Crash, 1),
                    (Kind::Lost, 1),
                    (Kind::Recreate, 1),
                    (Kind::Bring, 1),
                ],
            )
        },
        Scope {
            starts: vec![None],
            words: vec![Some("approved")],
            replicas: 2,
            ..scope("terms with two replicas", plain, 2, &[(Kind::Terms, 1), (Kind::Word, 1)])
        },
        Scope {
            starts: vec![None, Some("approved")],
            ..scope(
                "barred",
                plain,
                2,
                &[(Kind::Due, 1), (Kind::Bar, 2), (Kind::Epoch, 1), (Kind::Word, 1), (Kind::Crash, 1), (Kind::Lost, 1), (Kind::Suspend, 1)],
            )
        },
        Scope { places: 2, ..scope("owning", plain, 2, &[(Kind::Suspend, 1), (Kind::Serve, 1), (Kind::Terminate, 1), (Kind::Gone, 1)]) },
        scope(
            "link Secret",
            into_secret,
            2,
            &[
                (Kind::Due, 1),
                (Kind::Crash, 1),
                (Kind::Lost, 1),
                (Kind::Word, 1),
                (Kind::Epoch, 1),
                (Kind::Secret, 2),
                (Kind::Refuse, 2),
                (Kind::Recreate, 1),
            ],
        ),
    ]
}

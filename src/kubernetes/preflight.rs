//! What must be in order before the operator works: the definitions of its kinds, and its rights.
//!
//! An operator that may read a consent and not write its status would ask HeyGen for a link and could not show it; a definition that is
//! older than the operator would prune the field that the link stands in, without an error. So both are checked before anything else.
//! What is wrong is one line in the log and in `/readyz`, and it is checked again until it was mended: nothing has to be restarted.
//!
//! - [`rights`]: what the operator needs, and whether RBAC grants it.
//! - [`served`]: whether the API server serves the fields that the operator reads and writes.

pub mod rights;
pub mod served;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::kubernetes;
use crate::process::config::Config;
use crate::process::server::{Check, Readiness};

/// How long one question to the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How soon it is checked again what was not in order; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two checks.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Why it could not be found out whether all is in order, or what is not.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The API server answered with an error, or could not be reached.
    #[error("the API server cannot be asked: {}", kubernetes::in_short(.0))]
    Api(#[from] kube::Error),
    /// The API server did not answer in time.
    #[error("the API server cannot be asked: no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// The definitions are missing or older than the operator.
    #[error("{0}")]
    Definitions(String),
    /// RBAC grants less than the operator needs in some namespaces.
    #[error("RBAC does not let the operator serve these namespaces: {0}")]
    Namespaces(String),
    /// RBAC grants less than the operator needs.
    #[error("RBAC does not let the operator {0}; grant it")]
    Rights(String),
}

/// How often rights must have been found missing in some namespaces before the others are served without them: roles and the operator
/// are often installed together, and then all are there a moment later.
const TRIES_FOR_ALL: u32 = 3;

/// Comes back once everything is in order, but for these namespaces; `None` when the process is to end before. Definitions and rights are
/// asked for at once; a problem that both have is said once.
///
/// A namespace without rights counts as one that is not served, and its objects own no group: whether one of them has asked cannot be
/// known. When the rights come, they are ranked with the others as if they had been created then, and an owner that has asked stays.
pub async fn run(client: &Client, config: &Config, readiness: &Readiness, stopping: &CancellationToken) -> Option<BTreeSet<String>> {
    let definitions = until_in_order(Check::Definitions, readiness, async || bounded(served::check(client)).await, stopping);
    let tries = AtomicU32::new(0);
    let rights = async || {
        let refused = bounded(rights::check(client, config)).await?;
        if !refused.is_empty() && tries.fetch_add(1, Ordering::Relaxed) + 1 < TRIES_FOR_ALL {
            let names: Vec<_> = refused.into_iter().collect();
            return Err(Problem::Namespaces(names.join(", ")));
        }
        Ok(refused)
    };
    // The rights first: comparing the definitions keeps this task busy for a while, and the questions are under way by then.
    let (refused, served) = tokio::join!(until_in_order(Check::Rights, readiness, rights, stopping), definitions);
    served.and(refused)
}

/// Comes back once a namespace has its rights. Says meanwhile what is missing there.
pub async fn until_granted(client: &Client, namespace: &str, readiness: &Readiness) {
    let mut pause = FIRST_PAUSE;
    while let Err(problem) = bounded(rights::check_namespace(client, namespace)).await {
        let problem = problem.to_string();
        if readiness.explain_refused(namespace, problem.clone()) {
            tracing::error!(namespace, problem, "the namespace cannot be served yet; trying again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    readiness.accept(namespace);
    tracing::info!(namespace, "the operator has its rights in the namespace and serves it");
}

async fn bounded<T>(question: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(DEADLINE, question).await.unwrap_or(Err(Problem::Deadline))
}

async fn until_in_order<T>(
    check: Check,
    readiness: &Readiness,
    ask: impl AsyncFn() -> Result<T, Problem>,
    stopping: &CancellationToken,
) -> Option<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        match stopping.run_until_cancelled(ask()).await? {
            Ok(answer) => {
                readiness.set(check);
                return Some(answer);
            }
            Err(problem) => {
                let problem = problem.to_string();
                // The same again is not said again.
                if readiness.explain(check, &problem) {
                    tracing::error!(problem, "the operator cannot start its work yet; trying again");
                }
            }
        }
        stopping.run_until_cancelled(tokio::time::sleep(pause)).await?;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

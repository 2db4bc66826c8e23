//! What must be in order before the operator works: the definitions of its kinds, and its rights.
//!
//! An operator that may read a consent and not write its status would ask HeyGen for a link and could not show it; a definition that is
//! older than the operator would prune the field that the link stands in, without an error. So both are looked at before anything else.
//! What is wrong is one line in the log and in `/readyz`, and it is looked at again until it was mended: nobody has to restart anything.
//!
//! - [`rights`]: what the operator needs, and whether RBAC grants it.
//! - [`served`]: whether the API server serves the fields that the operator reads and writes.

pub mod rights;
pub mod served;

use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::cluster;
use crate::config::Config;
use crate::server::{Check, Readiness};

/// How long one question to the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How soon it is looked at again what was not in order; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The checks that `/readyz` shows.
#[derive(Debug)]
pub struct Checks {
    definitions: Check,
    rights: Check,
}

impl Checks {
    /// Registers the checks.
    #[must_use]
    pub fn register(readiness: &Readiness) -> Self {
        Self { definitions: readiness.register("definitions"), rights: readiness.register("rights") }
    }
}

/// Why it could not be found out whether all is in order, or what is not.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The API server answered with an error, or could not be reached.
    #[error("the API server cannot be asked: {}", cluster::in_short(.0))]
    Api(#[from] kube::Error),
    /// The API server did not answer in time.
    #[error("the API server cannot be asked: no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// The definitions are missing or older than the operator.
    #[error("{0}")]
    Definitions(String),
    /// RBAC grants less than the operator needs.
    #[error("RBAC does not let the operator {0}; grant it")]
    Rights(String),
}

/// Comes back once everything is in order. Returns whether it is; it is not when the process is to end before.
pub async fn pass(client: &Client, config: &Config, checks: &Checks, stopping: &CancellationToken) -> bool {
    let definitions = async || bounded(served::check(client)).await;
    let rights = async || bounded(rights::check(client, config)).await;
    until_in_order(&checks.definitions, definitions, stopping).await && until_in_order(&checks.rights, rights, stopping).await
}

async fn bounded(question: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
    tokio::time::timeout(DEADLINE, question).await.unwrap_or(Err(Problem::Deadline))
}

async fn until_in_order(check: &Check, ask: impl AsyncFn() -> Result<(), Problem>, stopping: &CancellationToken) -> bool {
    let (mut pause, mut said) = (FIRST_PAUSE, String::new());
    loop {
        let Some(answer) = stopping.run_until_cancelled(ask()).await else { return false };
        let Err(problem) = answer else {
            check.set();
            return true;
        };
        let problem = problem.to_string();
        check.explain(problem.clone());
        // The same again is no news.
        if problem != said {
            tracing::error!(problem, "cannot work yet; trying again");
            said = problem;
        }
        if stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return false;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

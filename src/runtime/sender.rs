//! The task that begins deliveries, ends them, and tells of sinks in trouble.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinSet;

use crate::process::clock;
use crate::runtime::context::Context;
use crate::runtime::notifications::condition::Health;
use crate::runtime::notifications::delivery::deliver;
use crate::runtime::notifications::{Job, REPORTED_EVERY};
use twinconsent_core::api::uid;
use twinconsent_core::consent::polling;
use twinconsent_core::notifications::Answer;

/// How long deliveries that are under way may take once the process is to end: until they have ended, no other one leads.
const LAST_DELIVERIES: Duration = Duration::from_secs(1);

/// What is reported in the log of a sink that does not take what it is sent.
const COMPLAINT: &str = "a sink does not take notifications";

/// Sends until the process is to end, and what is under way then has ended or taken too long. What waits is lost, but for the last event
/// of each object, which the next process sends again.
pub(crate) async fn run(context: Arc<Context>) {
    let notifications = &context.notifications;
    let mut under_way = JoinSet::new();
    while !context.stopping.is_cancelled() {
        let now = clock::steady();
        // After it has stood still, a process may lead no more: another one sends by now.
        let (jobs, next) = if context.leadership.holds() { notifications.take(now) } else { (Vec::new(), None) };
        for job in jobs {
            under_way.spawn(make(job, context.clone()));
        }
        notifications.changed(now).iter().for_each(|account| context.wake_account(account));
        let sleep = next.map_or(REPORTED_EVERY, |next| polling::since(now, next).min(REPORTED_EVERY));
        tokio::select! {
            Some(_) = under_way.join_next() => {}
            () = notifications.rung() => {}
            () = tokio::time::sleep(sleep) => {}
            () = context.stopping.cancelled() => {}
        }
    }
    let given_up = end_within(LAST_DELIVERIES, &mut under_way).await;
    if given_up > 0 {
        tracing::info!(deliveries = given_up, "deliveries were given up, for the process ends");
    }
}

/// Waits until these have ended, for so long. Returns how many have not.
async fn end_within(most: Duration, under_way: &mut JoinSet<()>) -> usize {
    let _ = tokio::time::timeout(most, async { while under_way.join_next().await.is_some() {} }).await;
    under_way.len()
}

async fn make(job: Job, context: Arc<Context>) {
    // A flaw in a delivery must not let its object wait for ever.
    let answer = AssertUnwindSafe(deliver(&job, &context.heygen)).catch_unwind().await.unwrap_or(Answer::None("a bug in the operator"));
    let now = clock::steady();
    let jitter = uid::hash(&[&job.sink, &job.number.to_string(), &now.to_string()]) % 1024;
    let Some(health) = context.notifications.end(&job, answer, now, f64::from(jitter as u32) / 1024.0) else { return };
    tell(&job, answer, &health, &context);
}

/// Tells of trouble when it begins, and once for each kind of it.
fn tell(job: &Job, answer: Answer, health: &Health, context: &Context) {
    let of = format!("{} of {}", job.sink, job.account);
    tracing::debug!(sink = %of, answer = %answer, "a notification was sent");
    match health.trouble() {
        Some(trouble) => drop(context.complaints.tell(COMPLAINT, of, trouble)),
        None => context.complaints.settle(COMPLAINT, of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn deliveries_may_end_and_none_may_take_for_ever() {
        let mut under_way = JoinSet::new();
        under_way.spawn(tokio::time::sleep(Duration::from_millis(20)));
        assert_eq!(end_within(Duration::from_secs(60), &mut under_way).await, 0);
        under_way.spawn(std::future::pending());
        under_way.spawn(async {});
        assert_eq!(end_within(Duration::from_millis(200), &mut under_way).await, 1);
    }
}

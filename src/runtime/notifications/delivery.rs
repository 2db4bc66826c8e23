//! One delivery: a POST, and what came of it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{RequestBuilder, Response};

use super::Job;
use crate::heygen::{HeyGen, Route, retry_after};
use crate::process::clock;
use twinconsent_core::notifications::Answer;

/// How long a delivery may take in all.
const DEADLINE: Duration = Duration::from_secs(10);

/// How much of an answer is read, in bytes, so that the connection can be used again; nothing of it is looked into.
const MOST_READ: usize = 64 << 10;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends it, by the certificates and proxies by which HeyGen is reached.
pub(crate) async fn deliver(job: &Job, heygen: &HeyGen) -> Answer {
    let now = clock::wall().now();
    let Some(content) = job.parcel.content(job.include_link, now) else { return Answer::None("a bug in the operator") };
    let (client, proxies) = heygen.way_to(&job.target.url);
    let route = Route::to(&job.target.url, &proxies);
    let request = client
        .post(job.target.url.clone())
        .timeout(DEADLINE)
        .header(CONTENT_TYPE, "application/cloudevents+json")
        .header(WEBHOOK_ID, &content.id)
        .header(WEBHOOK_TIMESTAMP, now.as_second())
        .header(WEBHOOK_SIGNATURE, job.target.secret.sign(&content.id, now, &content.body))
        .body(content.body);
    send(request, &route).await
}

async fn send(request: RequestBuilder, route: &Route<'_>) -> Answer {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Answer::None(route.fault(&error).kind.word()),
    };
    let status = response.status().as_u16();
    if let Some(fault) = route.answered_by_the_proxy(status) {
        return Answer::None(fault.kind.word());
    }
    let after = retry_after(response.headers());
    read_a_little(response).await;
    Answer::Status(status, after)
}

/// The status has said all; what follows it may end as it likes, and one that is long is cut off.
async fn read_a_little(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MOST_READ {
            return;
        }
    }
}

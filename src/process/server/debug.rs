//! `/debug/consents/NAMESPACE/NAME`: what the operator does about one object, and why, for a user who wants to know it of a running one.
//!
//! It listens on loopback only: what runs in the same pod reaches it, and a user who may forward a port to the pod. No replica fails for it:
//! an address that is taken is one warning.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{DRAIN, bind, connections};

/// Answers with what `explain` says of an object, by namespace and name, until `stop` is cancelled; nowhere without an address.
pub async fn serve<Explanation: Serialize>(
    address: Option<SocketAddr>,
    explain: impl Fn(&str, &str) -> Option<Explanation> + Clone + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let Some(address) = address else { return };
    match bind("--debug-listen", address) {
        Ok(listener) => {
            // Where port 0 was asked for, this is the only way to learn it.
            let address = listener.local_addr().unwrap_or(address);
            tracing::info!(%address, "decisions are explained at /debug/consents/NAMESPACE/NAME");
            connections::serve(listener, router(explain), DRAIN, stop).await;
        }
        Err(error) => tracing::warn!("{error}; going on without explaining decisions"),
    }
}

fn router<Explanation: Serialize>(explain: impl Fn(&str, &str) -> Option<Explanation> + Clone + Send + Sync + 'static) -> Router {
    let consents = |Path((namespace, name)): Path<(String, String)>| async move {
        let unknown = format!(
            "this process knows no DigitalTwinConsent {name:?} in namespace {namespace:?}: there is none, it is not among those that are \
             served, it cannot be decoded, or the watch has not shown it yet (see /readyz)\n"
        );
        // It may have to go through a hundred thousand of them, while others are to be decided.
        let explained = tokio::task::spawn_blocking(move || explain(&namespace, &name).map(|it| serde_json::to_string_pretty(&it)));
        match explained.await {
            // People read it: by lines, and with an end.
            Ok(Some(Ok(json))) => ([(header::CONTENT_TYPE, "application/json")], json + "\n").into_response(),
            Ok(None) => (StatusCode::NOT_FOUND, unknown).into_response(),
            Ok(Some(Err(_))) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    Router::new()
        .route("/debug/consents/{namespace}/{name}", get(consents))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found; what there is: /debug/consents/NAMESPACE/NAME\n") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn explain(namespace: &str, name: &str) -> Option<BTreeMap<&'static str, String>> {
        (name != "nobody").then(|| BTreeMap::from([("object", format!("{namespace}/{name}"))]))
    }

    /// What `method` of each path is answered with: status, type and text.
    async fn answers(requests: &[(reqwest::Method, &str)]) -> Vec<(u16, String, String)> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (listener, stop) = (bind("--debug-listen", "127.0.0.1:0".parse().unwrap()).unwrap(), CancellationToken::new());
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(connections::serve(listener, router(explain), DRAIN, stop.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut answers = Vec::new();
        for (method, path) in requests {
            let answer = client.request(method.clone(), format!("{base}{path}")).send().await.unwrap();
            let content_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
            answers.push((answer.status().as_u16(), content_type.unwrap_or_default(), answer.text().await.unwrap()));
        }
        stop.cancel();
        served.await.unwrap();
        answers
    }

    #[tokio::test]
    async fn an_object_is_explained_in_json_that_people_can_read() {
        let answers = answers(&[(reqwest::Method::GET, "/debug/consents/people/ada")]).await;
        assert_eq!(answers, [(200, "application/json".to_owned(), "{\n  \"object\": \"people/ada\"\n}\n".to_owned())]);
    }

    #[tokio::test]
    async fn what_is_not_known_or_not_there_or_not_asked_as_it_can_be_is_told_so() {
        use reqwest::Method;
        let answers = answers(&[
            (Method::GET, "/debug/consents/people/nobody"),
            (Method::GET, "/debug/consents/people"),
            (Method::GET, "/metrics"),
            (Method::POST, "/debug/consents/people/ada"),
        ])
        .await;
        let statuses: Vec<u16> = answers.iter().map(|(status, _, _)| *status).collect();
        assert_eq!(statuses, [404, 404, 404, 405]);
        assert!(answers[0].2.starts_with("this process knows no DigitalTwinConsent \"nobody\" in namespace \"people\": "), "{answers:?}");
        assert!(answers[1].2.contains("/debug/consents/NAMESPACE/NAME"), "{answers:?}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_ends_nothing_but_the_explaining() {
        let taken = bind("--debug-listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        serve(Some(taken.local_addr().unwrap()), explain, CancellationToken::new()).await;
        serve(None, explain, CancellationToken::new()).await;
    }
}

//! The list of an account's groups.

use twinconsent_core::consent::outcome::{Class, Outcome, Trouble};

use crate::server::Server;
use crate::{client, trouble};

#[tokio::test]
async fn groups_are_listed_page_by_page() {
    let body =
        r#"{"data":[{"id":"a","consent_status":"pending"},{"id":7},{"avatar_group":{"id":"b"}}],"has_more":true,"next_token":"n/=+&"}"#;
    let mut server = Server::saying(200, "", body).await;
    let Outcome::Listed(page) = client().list_groups(&server.credentials, None).await else { panic!("no page") };
    let ids: Vec<_> = page.groups.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((ids, page.unreadable, page.next.as_deref()), (vec!["a", "b"], 1, Some("n/=+&")));
    assert_eq!(page.groups[0].1.consent_status.as_deref(), Some("pending"));
    let first = server.request();
    assert!(first.starts_with("GET /v3/avatars?ownership=private&limit=50 HTTP/1.1\r\n"), "{first}");
    client().list_groups(&server.credentials, page.next.as_deref()).await;
    let second = server.request();
    assert!(second.starts_with("GET /v3/avatars?ownership=private&limit=50&token=n%2F%3D%2B%26 HTTP/1.1\r\n"), "{second}");
}

#[tokio::test]
async fn a_list_that_is_none_is_unreadable() {
    for body in [r#"{"data":{"id":"a"}}"#, r#"{"data":null}"#, "[]", "<html>"] {
        let server = Server::saying(200, "", body).await;
        let expected = Trouble { status: Some(200), ..Trouble::of(Class::Unreadable) };
        assert_eq!(trouble(client().list_groups(&server.credentials, None).await), expected, "{body}");
    }
}

#[tokio::test]
async fn trouble_with_a_list_is_like_any_other() {
    let server = Server::saying(429, "Retry-After: 5\r\n", r#"{"error":{"code":"rate_limit_exceeded"}}"#).await;
    let seen = trouble(client().list_groups(&server.credentials, Some("t")).await);
    assert_eq!((seen.class, seen.retry_after.map(|wait| wait.as_secs())), (Class::Throttled, Some(5)));
}

//! What holds of every page that a person is shown.

use crate::chromium::{Chromium, Tab};

/// It is usable in either scheme of colours and on the narrowest phone, by people who see it and people who hear it.
pub async fn is_usable(tab: &Tab) {
    for scheme in ["light", "dark"] {
        tab.prefers(scheme).await;
        assert_eq!(tab.violations().await, [] as [String; 0], "{scheme}");
    }
    for width in [320, 1280] {
        tab.is_wide(width).await;
        assert_eq!(tab.overflow().await, 0, "{width} px");
    }
}

/// Everything so far came from these origins, nothing was found wrong with it, and nothing was left in the browser.
pub async fn is_private(tab: &Tab, origins: &[&str]) {
    let seen = tab.seen();
    let requests = seen.requests();
    let elsewhere: Vec<&String> =
        requests.iter().filter(|url| !origins.iter().any(|origin| url.starts_with(&format!("{origin}/")))).collect();
    assert!(elsewhere.is_empty() && !requests.is_empty(), "{requests:?}");
    assert_eq!(seen.complaints, [] as [String; 0]);
    assert_eq!(tab.cookies().await, [] as [String; 0]);
    let stored = tab.value("localStorage.length + sessionStorage.length").await;
    assert_eq!(stored, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn these_checks_find_what_is_wrong_with_a_page() {
    let chromium = Chromium::start().await;
    let tab = chromium.tab().await;
    let page = "<img src='http://elsewhere.example/a.png'><p style='width:400px;color:#aaa;background:#fff'>Hard to read</p>\
                <script>console.error('oh')</script>";
    tab.open(&format!("data:text/html,{}", page.replace('#', "%23"))).await;
    let violations = tab.violations().await.join("\n");
    for rule in ["image-alt", "color-contrast", "html-has-lang"] {
        assert!(violations.contains(rule), "{violations}");
    }
    tab.is_wide(320).await;
    assert!(tab.overflow().await > 0);
    let seen = tab.seen();
    assert!(seen.requests().contains(&"http://elsewhere.example/a.png".to_owned()), "{seen:?}");
    assert!(seen.complaints.iter().any(|complaint| complaint.contains("oh")), "{seen:?}");
    tab.without_scripts().await;
    tab.open("data:text/html,<title>quiet</title><script>document.title = 'loud'</script>").await;
    assert_eq!(tab.value("document.title").await, "quiet", "a script ran");
    chromium.end().await;
}

//! PURE. The pages as HTML: no names, nothing from elsewhere, no script.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use strum::VariantArray;

use twinconsent_core::consent::landing::State;

/// What a page may do: show this style, and an icon of no size, so that a browser asks for none.
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

/// Readable at 320 px and in either scheme of colours; every contrast is above 7 : 1.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;\
background:#f4f5f7;color:#1d2330;font:1.125rem/1.5 system-ui,sans-serif}\
main{box-sizing:border-box;width:100%;max-width:34rem;padding:1.5rem;overflow-wrap:anywhere}\
h1{margin:0 0 .75rem;font-size:1.75rem;line-height:1.25}\
p{margin:0 0 .75rem}\
@media(prefers-color-scheme:dark){body{background:#14171d;color:#e8eaf0}}";

/// The pages that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub(super) enum Page {
    /// HeyGen's answer is awaited, and the page renews itself.
    Checking,
    /// HeyGen's answer is awaited, and the page does not renew itself any more.
    StillChecking,
    /// Consent was given.
    Given,
    /// It was not.
    NotGiven,
    /// It was withdrawn.
    Withdrawn,
    /// Nothing is expected of the person.
    Closed,
    /// The browser goes on.
    GoingOn,
    /// For every unknown address.
    Unknown,
    /// Nothing is known yet.
    NotReady,
}

impl Page {
    /// The page of a person whose consent stands like this.
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Waiting => Self::StillChecking,
            State::Given => Self::Given,
            State::NotGiven => Self::NotGiven,
            State::Withdrawn => Self::Withdrawn,
            State::Closed => Self::Closed,
        }
    }

    pub(super) fn html(self) -> String {
        let (title, text) = self.words();
        let text: String = text.iter().map(|sentence| format!("<p>{sentence}</p>")).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\
             <style>{STYLE}</style></head>\n<body><main><h1>{title}</h1><div role=\"status\">{text}</div></main></body></html>\n"
        )
    }

    /// The heading, and what stands below it.
    fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Checking => (
                "One moment, please",
                &["HeyGen is checking your recording. That usually takes less than a minute.", "This page shows the answer by itself."],
            ),
            Self::StillChecking => (
                "Your recording is being checked",
                &[
                    "HeyGen is still checking your recording.",
                    "You need not wait: there is nothing more to do, and you can close this page.",
                ],
            ),
            Self::Given => ("Thank you", &["Your consent has been received.", "You can close this page."]),
            Self::NotGiven => (
                "Consent was not given",
                &[
                    "HeyGen reports that you have not given your consent.",
                    "If that is not what you meant, please ask those who sent you the link.",
                ],
            ),
            Self::Withdrawn => ("Consent was withdrawn", &["Your consent is recorded as withdrawn.", "You can close this page."]),
            Self::Closed => ("Nothing to do", &["At the moment nothing is needed from you.", "You can close this page."]),
            Self::GoingOn => ("One moment, please", &["You are being taken to the next page."]),
            Self::Unknown => (
                "Nothing to show",
                &[
                    "There is nothing at this address, or not any more.",
                    "If you have just made a recording, there is nothing more to do: you can close this page.",
                ],
            ),
            Self::NotReady => ("One moment, please", &["This page is not ready yet. It tries again by itself."]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_language_a_title_and_one_heading_and_takes_nothing_from_elsewhere() {
        for page in Page::VARIANTS {
            let html = page.html();
            assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">") && html.contains("<title>"), "{html}");
            assert_eq!((html.matches("<h1>").count(), html.matches("<main>").count()), (1, 1), "{html}");
            for elsewhere in ["http", "//", "<script", "src=", " style=", "@import", "url("] {
                assert!(!html.contains(elsewhere), "{elsewhere} in {html}");
            }
        }
    }

    #[test]
    fn only_one_page_says_thank_you() {
        let thanks: Vec<_> = Page::VARIANTS.iter().filter(|page| page.html().to_lowercase().contains("thank")).collect();
        assert_eq!(thanks, [&Page::Given]);
    }

    #[test]
    fn the_policy_lets_the_one_style_through() {
        let policy = POLICY.to_str().unwrap();
        let style = Page::Given.html().split("<style>").nth(1).unwrap().split("</style>").next().unwrap().to_owned();
        assert!(policy.contains(&format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style)))), "{policy}");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
    }
}

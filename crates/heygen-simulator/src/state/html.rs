//! The hosted page's HTML: no script, nothing from elsewhere, readable by any browser and screen reader.

use super::Answer;

/// What the page says.
pub(super) enum Page<'a> {
    /// `action` is the address of the form, relative to the page.
    Record {
        name: &'a str,
        statement: &'a str,
        action: &'a str,
    },
    Decide {
        name: &'a str,
        statement: &'a str,
        action: &'a str,
    },
    Done,
    Expired,
    Used,
    Unknown,
    RecordFirst,
    NoDecision,
    WrongMethod,
}

const STYLE: &str = "\
:root{color-scheme:light dark;font:1.125rem/1.5 system-ui,sans-serif}\
body{margin:0;padding:2rem 1rem}main{max-width:38rem;margin:auto}\
blockquote{margin:1.5rem 0;padding:.5rem 1rem;border-left:.3rem solid #2f6f5e;white-space:pre-wrap;overflow-wrap:anywhere}\
form{display:flex;gap:1rem;flex-wrap:wrap}\
button{font:inherit;padding:.6rem 1.4rem;border:2px solid #2f6f5e;border-radius:.4rem;cursor:pointer}\
button.main{background:#2f6f5e;color:#fff}\
button:focus-visible{outline:3px solid #e08a00;outline-offset:3px}";

/// The answer with this page in it.
pub(super) fn page(status: u16, page: &Page<'_>) -> Answer {
    let (title, content) = content(page);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    );
    let mut answer = Answer::bytes(status, "text/html; charset=utf-8", html.into());
    // The address is a secret: it goes neither into caches nor into the next site's logs.
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"),
    ] {
        answer.headers.push((name.to_owned(), value.to_owned()));
    }
    answer
}

fn content(page: &Page<'_>) -> (&'static str, String) {
    match page {
        Page::Record { name, statement, action } => (
            "Your consent is asked for",
            format!(
                "<p>Somebody wants to use a digital twin of you: <strong>{}</strong>.</p>\n\
                 <p>Please record yourself saying:</p>\n<blockquote>{}</blockquote>\n\
                 <form method=\"post\" action=\"{action}\">\
                 <button class=\"main\" type=\"submit\">Record</button></form>\n\
                 <p><small>This is a simulator: nothing is recorded, and no camera is needed.</small></p>",
                escape(name),
                escape(statement),
                action = escape(action),
            ),
        ),
        Page::Decide { name, statement, action } => (
            "Your statement is recorded",
            format!(
                "<p role=\"status\">Recorded. Do you agree to the use of your digital twin <strong>{}</strong>?</p>\n\
                 <blockquote>{}</blockquote>\n\
                 <form method=\"post\" action=\"{action}\">\
                 <button class=\"main\" type=\"submit\" name=\"decision\" value=\"consent\">Consent</button>\
                 <button type=\"submit\" name=\"decision\" value=\"decline\">Decline</button></form>",
                escape(name),
                escape(statement),
                action = escape(action),
            ),
        ),
        Page::Done => note("Thank you", "Your answer has arrived. You can close this page."),
        Page::Expired => note("This link has expired", "Links work for a limited time only. Ask whoever sent it for a new one."),
        Page::Used => note("This link has been used", "A link takes one recording. Ask whoever sent it for a new one."),
        Page::Unknown => note("No such link", "Please check that the address is complete."),
        Page::RecordFirst => note("Nothing is recorded yet", "Go back and record your statement before you decide."),
        Page::NoDecision => note("No decision", "Go back and press one of the two buttons, Consent or Decline."),
        Page::WrongMethod => note("Not like this", "Go back to the link that you were sent."),
    }
}

fn note(title: &'static str, text: &str) -> (&'static str, String) {
    (title, format!("<p>{}</p>", escape(text)))
}

/// Makes any text safe between tags and inside quoted attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_customer_wrote_becomes_markup() {
        assert_eq!(escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
    }
}

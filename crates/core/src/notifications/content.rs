//! What is sent.

use serde_json::Value;

/// The body of a delivery: the line of the event, and in its data, outside of the digest, the link if there is one to be sent.
///
/// A receiver that checks the digest takes `data.url` away first.
#[must_use]
pub fn body(line: &str, link: Option<&str>) -> String {
    let Some(link) = link else { return line.to_owned() };
    let Ok(mut event) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    if let Some(Value::Object(data)) = event.get_mut("data") {
        data.insert("url".to_owned(), Value::from(link));
    }
    serde_json_canonicalizer::to_string(&event).unwrap_or_else(|_| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_stands_in_the_data_and_the_rest_is_the_line() {
        let line = r#"{"data":{"b":1},"id":"a"}"#;
        assert_eq!(body(line, None), line);
        assert_eq!(body(line, Some("https://example.com/x")), r#"{"data":{"b":1,"url":"https://example.com/x"},"id":"a"}"#);
    }
}

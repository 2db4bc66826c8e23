use serde_json::json;

use super::*;

fn line(namespace: &str, name: &str) -> String {
    json!({ "id": "a/1", "digest": "sha256:0", "data": { "object": { "namespace": namespace, "name": name, "uid": "a" } } }).to_string()
}

#[test]
fn the_lines_of_a_consent_are_found_by_its_name_also_when_it_is_gone() {
    let (ada, grace, other) = (line("team", "ada"), line("team", "grace"), line("other", "ada"));
    let found = |namespace, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted { namespace, names: &names };
        [&ada, &grace, &other].map(|line| wanted.name_of(&event(line).unwrap()).is_some())
    };
    assert_eq!(found(None, &[]), [true, true, true]);
    assert_eq!(found(Some("team"), &[]), [true, true, false]);
    assert_eq!(found(Some("team"), &["ada"]), [true, false, false]);
}

#[test]
fn a_line_goes_on_as_it_was_written_but_for_a_link() {
    let spaced = line("team", "ada").replace(':', ": ");
    assert_eq!(without_link(&spaced, &event(&spaced).unwrap()), spaced);
    let sent = spaced.replace("\"data\": {", "\"data\": {\"url\":\"https://heygen.example/secret\",");
    let kept = without_link(&sent, &event(&sent).unwrap());
    assert!(!kept.contains("secret"), "{kept}");
    assert_eq!(event(&kept), event(&spaced));
}

#[test]
fn what_is_no_event_is_left_out() {
    for line in ["", "not JSON", "[]", r#"{"level":"info"}"#] {
        assert_eq!(event(line), None, "{line}");
    }
}

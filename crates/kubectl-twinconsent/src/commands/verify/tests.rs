use std::path::PathBuf;

use super::*;

const DIGEST: &str = "sha256:aa";

fn object(uid: &str, of: &str) -> String {
    json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
        "metadata": { "name": "ada", "namespace": "team", "uid": uid },
        "spec": { "groupID": "ada" },
        "status": { "observedGeneration": 1, "audit": { "objectUID": of, "sequence": 3, "digest": DIGEST, "type": "t" } },
    })
    .to_string()
}

#[test]
fn an_object_of_an_export_names_its_last_event_and_a_restored_one_none() {
    let (uid, mark) = exported(&object("one", "one")).unwrap().unwrap();
    assert_eq!((uid.as_str(), mark.sequence, mark.digest.as_str()), ("one", 3, DIGEST));
    assert_eq!(exported(&object("one", "another")), Some(None));
    assert_eq!(exported(r#"{"specversion":"1.0","data":{"kind":"DigitalTwinConsent"}}"#), None, "an event is none");
    assert_eq!(exported("not JSON"), None);
}

#[test]
fn an_anchor_is_read_as_kubectl_prints_it() {
    let text = format!("UID    NUMBER   DIGEST\none    3        {DIGEST}\n\ntwo    <none>   <none>\n");
    let marks = anchored(&text).unwrap();
    assert_eq!(marks.keys().collect::<Vec<_>>(), ["one"]);
    assert_eq!((marks["one"].sequence, marks["one"].digest.as_str()), (3, DIGEST));
    let error = anchored(&format!("{text}one 3\n")).unwrap_err().to_string();
    assert!(error.starts_with("line 5 of the anchor is not"), "{error}");
}

#[test]
fn what_is_wrong_is_named_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = ["old.log", "new.log"].map(|name| folder.path().join(name)).into();
    std::fs::write(&paths[0], "\n").unwrap();
    std::fs::write(&paths[1], "\nnot JSON\n").unwrap();
    let mut lines = Vec::new();
    let files = Files::read(&paths, |line| {
        lines.push(line.to_owned());
        Ok(())
    });
    let files = files.unwrap();
    let verified = audit::verify(&lines, &Marks::new());
    let text = as_text(&verified, &files);
    assert!(text.starts_with("line 2 of ") && text.contains("new.log is not a JSON object"), "{text}");
    assert!(text.contains("0 events of 0 objects"), "{text}");
    let json = as_json(&verified, &files);
    assert_eq!((&json["problems"][0]["problem"], &json["problems"][0]["line"]), (&json!("NotJson"), &json!(2)));
    assert!(json["problems"][0]["file"].as_str().unwrap().ends_with("new.log"));
}

#[test]
fn a_log_without_a_problem_says_so_and_what_nothing_names_yet() {
    let unconfirmed = |superseded| audit::Unconfirmed { line: 1, id: "a/1".to_owned(), superseded };
    let verified = Verified { events: 5, objects: 2, unconfirmed: vec![unconfirmed(false), unconfirmed(true)], ..Verified::default() };
    let text = as_text(&verified, &Files::default());
    assert!(text.contains("5 events of 2 objects") && text.contains("nothing is wrong"), "{text}");
    assert_eq!(text.matches("1 unconfirmed: ").count(), 2, "{text}");
}

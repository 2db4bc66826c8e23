//! The documents name values that exist.

use crate::helm::{parsed, root};

#[test]
fn every_value_that_a_document_sets_exists() {
    let values = &parsed(&std::fs::read_to_string(root().join("charts/twinconsent/values.yaml")).unwrap())[0];
    let mut seen = 0;
    for page in ["README.md", "docs/installing.md", "docs/operating.md", "charts/twinconsent/README.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for setting in text.split("--set ").skip(1) {
            let path = setting.trim_start_matches(['\'', '"']).split('=').next().unwrap();
            let mut value = values;
            for key in path.split('.') {
                if value.as_object().is_some_and(serde_json::Map::is_empty) {
                    break; // what it may hold is the schema's to say
                }
                value = value.get(key).unwrap_or_else(|| panic!("{page} sets {path}, which is no value of the chart"));
            }
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} settings were found");
}

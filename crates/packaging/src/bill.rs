//! PURE. The bill of materials of an image, in the format CycloneDX.
//!
//! cargo-cyclonedx lists the crates of a program. What is missing to make it the bill of an image is done here: what the image holds
//! besides crates is added, the folder of the build is taken out, and all is sorted, so that the same image has the same bill.

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use crate::certificates;

/// What the place of the sources is called in a bill, as in the programs (`hack/programs.sh`).
const SOURCES: &str = "/src";

/// What an image holds besides crates.
#[derive(Debug, Clone)]
pub struct Besides<'a> {
    /// The C library in the programs, as a package URL such as `pkg:deb/debian/libc6-dev@2.36-9%2Bdeb12u14?arch=amd64`.
    pub c_library: &'a str,
    /// `Cargo.lock`, when the image holds root certificates: it says of which version.
    pub certificates_of: Option<&'a str>,
}

/// The bill of an image, from that of its program.
///
/// # Errors
/// When the bill is none of cargo-cyclonedx, or something to be added has no version.
pub fn of_image(of_program: &str, workspace: &str, besides: &Besides) -> anyhow::Result<String> {
    let mut bill: Value = serde_json::from_str(of_program).context("the bill of the program is no JSON")?;
    ensure!(bill["bomFormat"] == "CycloneDX", "the bill of the program is none of CycloneDX");
    replace(&mut bill, &format!("path+file://{workspace}"), &format!("path+file://{SOURCES}"));

    let mut added = vec![c_library(besides.c_library)?];
    if let Some(lock) = besides.certificates_of {
        added.push(root_certificates(lock)?);
    }
    let program = bill["metadata"]["component"]["bom-ref"].clone();
    let dependencies = bill["dependencies"].as_array_mut().context("the bill of the program tells no dependencies")?;
    let own = dependencies.iter_mut().find(|entry| entry["ref"] == program).context("the program is not in its own bill")?;
    for component in &added {
        if let Some(on) = entry_of(own, "dependsOn")? {
            on.push(component["bom-ref"].clone());
        }
    }
    dependencies.extend(added.iter().map(|component| json!({ "ref": component["bom-ref"] })));
    for entry in dependencies.iter_mut() {
        if let Some(on) = entry_of(entry, "dependsOn")? {
            on.sort_by_key(Value::to_string);
        }
    }
    dependencies.sort_by_key(|entry| entry["ref"].to_string());
    let components = bill["components"].as_array_mut().context("the bill of the program lists no components")?;
    components.extend(added);
    components.sort_by_key(|component| component["bom-ref"].to_string());

    let text = serde_json::to_string_pretty(&bill)?;
    ensure!(workspace == SOURCES || !text.contains(workspace), "the bill still names the folder {workspace}");
    Ok(text + "\n")
}

/// A list in an object, made if it was not there; none when the object is none.
fn entry_of<'a>(object: &'a mut Value, field: &str) -> anyhow::Result<Option<&'a mut Vec<Value>>> {
    let Some(object) = object.as_object_mut() else { return Ok(None) };
    object.entry(field).or_insert_with(|| json!([])).as_array_mut().with_context(|| format!("{field} is no list")).map(Some)
}

fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => *text = text.replace(from, to),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, from, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn c_library(purl: &str) -> anyhow::Result<Value> {
    let version = purl.split('@').nth(1).and_then(|rest| rest.split('?').next()).filter(|version| !version.is_empty());
    let version = version.with_context(|| format!("{purl} is no package URL with a version"))?;
    Ok(json!({
        "type": "library",
        "bom-ref": purl,
        "name": "glibc",
        "version": version.replace("%2B", "+"),
        "description": "The C library, linked statically",
        "scope": "required",
        "licenses": [{ "license": { "id": "LGPL-2.1-or-later" } }],
        "purl": purl,
    }))
}

fn root_certificates(lock: &str) -> anyhow::Result<Value> {
    let package = lock.split("[[package]]").find(|package| field(package, "name") == Some(certificates::CRATE));
    let version = package.and_then(|package| field(package, "version"));
    let version = version.with_context(|| format!("Cargo.lock does not name {}", certificates::CRATE))?;
    let mut component = Map::from_iter(
        [
            ("type", json!("data")),
            ("bom-ref", json!(format!("registry+https://github.com/rust-lang/crates.io-index#{}@{version}", certificates::CRATE))),
            ("name", json!(certificates::CRATE)),
            ("version", json!(version)),
            ("description", json!("The root certificates in /etc/ssl/certs/ca-certificates.crt")),
            ("scope", json!("required")),
            ("licenses", json!([{ "expression": "CDLA-Permissive-2.0" }])),
            ("purl", json!(format!("pkg:cargo/{}@{version}", certificates::CRATE))),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Some(checksum) = package.and_then(|package| field(package, "checksum")) {
        component.insert("hashes".to_owned(), json!([{ "alg": "SHA-256", "content": checksum }]));
    }
    Ok(Value::Object(component))
}

/// A field of a package in `Cargo.lock`.
fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"other\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \"webpki-root-certs\"\nversion = \"1.0.11\"\nchecksum = \"e49d\"\n";
    const C_LIBRARY: &str = "pkg:deb/debian/libc6-dev@2.36-9%2Bdeb12u14?arch=amd64";

    fn of_program(folder: &str, order: [&str; 2]) -> String {
        let id = |name: &str| format!("path+file://{folder}#{name}@0.1.0");
        let components = order.map(|name| json!({ "type": "library", "bom-ref": name, "name": name }));
        let on = order.map(|name| json!(name));
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5",
            "metadata": { "component": { "bom-ref": id("program") } },
            "components": components,
            "dependencies": [{ "ref": id("program"), "dependsOn": on }, { "ref": order[0] }, { "ref": order[1] }],
        })
        .to_string()
    }

    fn besides() -> Besides<'static> {
        Besides { c_library: C_LIBRARY, certificates_of: Some(LOCK) }
    }

    #[test]
    fn the_bill_does_not_tell_where_and_in_which_order_it_was_made() {
        let here = of_image(&of_program("/home/ada", ["b", "a"]), "/home/ada", &besides()).unwrap();
        let there = of_image(&of_program("/tmp/build", ["a", "b"]), "/tmp/build", &besides()).unwrap();
        assert_eq!(here, there);
        assert!(here.contains("path+file:///src#program@0.1.0"), "{here}");
    }

    #[test]
    fn what_the_image_holds_besides_crates_is_in_its_bill_and_depended_on() {
        let bill: Value = serde_json::from_str(&of_image(&of_program("/x", ["a", "b"]), "/x", &besides()).unwrap()).unwrap();
        let named = |name: &str| bill["components"].as_array().unwrap().iter().find(|component| component["name"] == name).unwrap();
        assert_eq!(named("glibc")["version"], "2.36-9+deb12u14");
        assert_eq!(named("webpki-root-certs")["version"], "1.0.11");
        assert_eq!(named("webpki-root-certs")["hashes"][0]["content"], "e49d");
        let program =
            bill["dependencies"].as_array().unwrap().iter().find(|entry| entry["ref"] == "path+file:///src#program@0.1.0").unwrap();
        assert_eq!(program["dependsOn"].as_array().unwrap().len(), 4, "{program}");
    }

    #[test]
    fn a_bill_without_certificates_names_none() {
        let bill = of_image(&of_program("/x", ["a", "b"]), "/x", &Besides { certificates_of: None, ..besides() }).unwrap();
        assert!(!bill.contains("webpki-root-certs"), "{bill}");
    }

    #[test]
    fn what_has_no_version_is_refused() {
        let program = of_program("/x", ["a", "b"]);
        for besides in [Besides { c_library: "glibc", ..besides() }, Besides { certificates_of: Some("[[package]]\n"), ..besides() }] {
            assert!(of_image(&program, "/x", &besides).is_err(), "{besides:?}");
        }
        assert!(of_image("{}", "/x", &besides()).is_err());
    }
}

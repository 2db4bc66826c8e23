//! `deploy/` as a base: the documented overlay and component, with the kustomize that kubectl holds.

use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use controlplane::Program;
use serde_json::{Value, json};
use tempfile::TempDir;
use twinconsent::process::config::{Cli, Command, RunArgs};

use crate::cluster::{get, kubectl_with, served, write};
use crate::helm::{self, argument, copy_folder, object, parsed, root, shielded};

/// A studio whose names need no prefix to be valid.
const STUDIO: &str = "apiVersion: twinconsent.io/v1alpha1
kind: HeyGenAccount
metadata: {name: studio}
spec: {apiKeySecretRef: {name: heygen, key: apiKey}}
---
apiVersion: twinconsent.io/v1alpha1
kind: ClusterHeyGenAccount
metadata: {name: everybodys}
spec: {apiKeySecretRef: {name: heygen, key: apiKey}}
---
apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: ada}
spec:
  groupID: 5f2c8e0b9d3a4c71ada
  accountRef: {kind: HeyGenAccount, name: studio}
  linkSecretRef: {name: ada-link}
---
apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: grace}
spec: {groupID: 5f2c8e0b9d3a4c71grace, accountRef: {kind: ClusterHeyGenAccount, name: everybodys}}
---
apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: hedy}
spec: {groupID: 5f2c8e0b9d3a4c71hedy, accountRef: {kind: ClusterHeyGenAccount, name: somebody-elses}}
";

#[test]
fn an_argument_that_the_documented_patch_appends_counts_whichever_flag_it_is() {
    let overlay = block("# overlay/kustomization.yaml");
    let cli = Cli::command();
    let run = cli.find_subcommand("run").unwrap();
    for flag in run.get_arguments().filter(|argument| argument.get_id() != "help") {
        // As the chart writes it, and as a user would not.
        let value = flag.get_possible_values().last().map_or_else(|| "appended".to_owned(), |value| value.get_name().to_owned());
        let appended = format!("--{}={value}", flag.get_long().unwrap());
        let changed = overlay.replace("--watch-label-selector=tier=gold", &format!("'{appended}'"));
        assert_ne!(changed, overlay);
        let built = built(&[("overlay", &changed)]);
        let container = &object(&built, "Deployment", "twinconsent")["spec"]["template"]["spec"]["containers"][0];
        let arguments: Vec<&str> = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()).collect();
        let name = appended.split('=').next().unwrap();
        let others: Vec<&str> = arguments.iter().copied().filter(|argument| argument.split('=').next() != Some(name)).collect();
        let alone = [&others[..], &[&appended]].concat();
        assert_eq!(format!("{:?}", run_args(&arguments)), format!("{:?}", run_args(&alone)), "{appended}");
        assert_eq!(container["image"], "registry.example.com/twinconsent-operator:0.1.0");
    }
}

#[test]
fn generated_names_and_prefixes_reach_whatever_names_them() {
    let kustomization = block("# team/kustomization.yaml");
    let built = built(&[("team", &kustomization)]);
    let secret = built.iter().find(|object| object["kind"] == "Secret").unwrap();
    let generated = secret["metadata"]["name"].as_str().unwrap();
    assert!(generated.starts_with("spring-heygen-"), "{generated}");
    for (kind, name) in [("HeyGenAccount", "spring-studio"), ("ClusterHeyGenAccount", "spring-everybodys")] {
        assert_eq!(object(&built, kind, name)["spec"]["apiKeySecretRef"]["name"], generated, "{kind}");
    }
    let spec = |name: &str| &object(&built, "DigitalTwinConsent", name)["spec"];
    assert_eq!(spec("spring-ada")["accountRef"]["name"], "spring-studio");
    assert_eq!(spec("spring-ada")["linkSecretRef"]["name"], "spring-ada-link");
    assert_eq!(spec("spring-grace")["accountRef"]["name"], "spring-everybodys");
    assert_eq!(spec("spring-hedy")["accountRef"]["name"], "somebody-elses", "nothing that is built has this name");

    // The account of the cluster has a namespace now, which the API server passes over.
    let manifests: Vec<String> = built.iter().map(|object| serde_json::to_string(object).unwrap()).collect();
    kubectl_with(served(), &["apply", "--server-side", "-f", "-"], &manifests.join("\n---\n")).ok();
    assert_eq!(get(served(), &["clusterheygenaccount", "spring-everybodys"])["metadata"]["namespace"], Value::Null);
}

#[test]
fn an_overlay_of_the_base_needs_no_component_of_its_own() {
    let overlay = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../deploy, account.yaml]
secretGenerator:
  - {name: heygen, namespace: twinconsent-system, literals: [apiKey=secret]}
";
    let account = "apiVersion: twinconsent.io/v1alpha1
kind: ClusterHeyGenAccount
metadata: {name: default, namespace: twinconsent-system}
spec: {apiKeySecretRef: {name: heygen, key: apiKey}}
";
    let names = |account: &str| {
        let built = built_with(&[("overlay", overlay)], account);
        let secret = built.iter().find(|object| object["kind"] == "Secret").unwrap()["metadata"]["name"].clone();
        (object(&built, "ClusterHeyGenAccount", "default")["spec"]["apiKeySecretRef"]["name"].clone(), secret)
    };
    let (named, secret) = names(account);
    assert_eq!(named, secret);
    // What the document warns of.
    let (named, secret) = names(&account.replace(", namespace: twinconsent-system", ""));
    assert_ne!(named, secret);
}

#[test]
fn kustomize_is_told_of_every_field_that_names_an_object() {
    let shown = &parsed(&std::fs::read_to_string(root().join("deploy/names/names.yaml")).unwrap())[0];
    let mut fields: Vec<[String; 2]> = Vec::new();
    for entry in shown["nameReference"].as_array().unwrap() {
        for field in entry["fieldSpecs"].as_array().unwrap() {
            fields.push(["kind", "path"].map(|key| field[key].as_str().unwrap().to_owned()));
        }
    }
    for field in shown["namePrefix"].as_array().unwrap() {
        fields.push(["kind", "path"].map(|key| field[key].as_str().unwrap().to_owned()));
    }
    assert_eq!(shown["namePrefix"], shown["nameSuffix"]);
    let mut references = Vec::new();
    for (_, yaml) in twinconsent_core::api::crd_files().unwrap() {
        let definition = &parsed(&yaml)[0];
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        find(spec, "spec", &mut |path| references.push([kind.to_owned(), path.to_owned()]));
    }
    fields.sort();
    fields.dedup();
    references.sort();
    assert_eq!(fields, references);
}

/// Every field below this one that ends in `Ref` and has a name.
fn find(schema: &Value, path: &str, found: &mut impl FnMut(&str)) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        if name.ends_with("Ref") {
            assert!(property["properties"]["name"].is_object(), "{path}");
            found(&format!("{path}/name"));
        }
        find(property, &path, found);
    }
}

fn run_args(arguments: &[&str]) -> RunArgs {
    let cli = Cli::try_parse_from(["twinconsent-operator"].iter().chain(arguments)).unwrap_or_else(|error| panic!("{error}"));
    let Command::Run(run) = cli.command else { panic!("{arguments:?}") };
    *run
}

/// The YAML block of the document that begins with this line.
fn block(first_line: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/installing.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```yaml\n{first_line}\n")).unwrap_or_else(|| panic!("{first_line} is gone"));
    rest.split_once("```").unwrap().0.to_owned()
}

fn built(kustomizations: &[(&str, &str)]) -> Vec<Value> {
    built_with(kustomizations, "")
}

/// What kustomize builds of the last of these folders, beside deploy/.
fn built_with(kustomizations: &[(&str, &str)], account: &str) -> Vec<Value> {
    let folder = TempDir::new().unwrap();
    copy_folder(&root().join("deploy"), &folder.path().join("deploy"));
    let mut last = "";
    for (name, kustomization) in kustomizations {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        write(&path, "kustomization.yaml", kustomization);
        write(&path, "studio.yaml", STUDIO);
        write(&path, "account.yaml", account);
        write(&path, "apiKey", &json!("a key").to_string());
        last = name;
    }
    let mut kustomize = shielded(Program::Kubectl);
    parsed(&helm::run(kustomize.args(["kustomize", argument(&folder.path().join(last) as &Path)])).ok())
}

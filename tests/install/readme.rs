//! The README's section for users, word for word: each of its `sh` blocks, in its order.
//!
//! One word is replaced, which the README asks its reader to replace: the name of the registry. What the reader does besides the
//! commands, the test does: it types the key, and it is the person who opens the link. And no test asks HeyGen itself: once the operator
//! is installed, and has not reached HeyGen, the test has it ask a simulator.
//!
//! The images that were built and pushed with the first Helm are installed with both.

use controlplane::Program;
use packaging::archive::Image;
use serde_json::Value;

use crate::cluster::{Cluster, cluster, eventually, root};
use crate::document::{Reader, Section};
use crate::heygen::{self, Beside};
use crate::registry::{self, Registry};
use crate::release::{Helm, NAMESPACE, RELEASE};

/// What the README says to replace.
const YOURS: &str = "registry.example.com/team";

/// The group of its example.
const GROUP: &str = "5f2c8e0b9d3a4c71ada";

#[test]
fn what_the_readme_says_installs_it_asks_one_person_and_sees_the_answer_with_both_helms() {
    let cluster = &*cluster();
    let _registry = Registry::start(cluster);
    for (program, is_first) in [(Program::Helm, true), (Program::Helm3, false)] {
        cluster.clear(&[NAMESPACE]);
        follow(cluster, program, is_first);
        cluster.clear(&[NAMESPACE]);
    }
}

/// Follows the section to its end.
fn follow(cluster: &Cluster, helm: Program, builds: bool) {
    let reader = Reader::new(cluster, helm);
    let person = Beside::start(cluster, &[GROUP]);
    let section = Section::of("README.md", "## Use it on a cluster");
    let blocks = section.blocks("sh");
    let began = std::time::Instant::now();
    let (mut is_installed, mut link, mut last) = (false, String::new(), String::new());
    for block in &blocks {
        if block.starts_with("make ") && !builds {
            continue;
        }
        println!("README with {helm}, after {:.0?}: {}", began.elapsed(), block.lines().next().unwrap());
        last = reader.types(&block.replace(YOURS, registry::NAME), if block.contains("/dev/stdin") { heygen::KEY } else { "" });
        if block.contains("helm install") {
            is_installed = true;
            ask_the_simulator(cluster, helm);
        } else if block.contains("-o jsonpath='{.status.url}'") {
            link.clone_from(&last);
            person.consent(&link);
            explained(&reader);
        }
    }
    assert!(is_installed && !link.is_empty(), "the README installs nothing, or shows no link");
    let also_shown = Section::of("docs/images.md", "## To your cluster").blocks("sh").remove(0);
    assert!(blocks[0].ends_with(&also_shown), "docs/images.md shows what the README does not run: {also_shown}");
    assert!(blocks[0].contains(YOURS) && blocks[0].starts_with("make "), "the README names a registry, and fills it: {}", blocks[0]);

    // What it shows is what is seen, but for the times and how a table is drawn.
    let shown = section.blocks("console").pop().unwrap();
    assert_eq!(table(&last), table(&shown), "{last}");
}

/// The document's way to what is explained of an object: the example's, while its link is in the status.
fn explained(reader: &Reader<'_>) {
    let section = Section::of("docs/operating.md", "## Why an object stands where it stands");
    let answered: Value = serde_json::from_str(&reader.types(&section.blocks("sh").remove(0), "")).unwrap();
    let shown: Value = serde_json::from_str(&section.blocks("json").remove(0)).unwrap();
    assert_eq!(answered["object"], shown["object"]);
    assert_eq!(fields(&answered), fields(&shown), "{answered:#}");
}

/// The names of an object's fields but for the one that says that it is worked on right now.
fn fields(explanation: &Value) -> Vec<&str> {
    explanation.as_object().unwrap().keys().map(String::as_str).filter(|field| *field != "workQueue").collect()
}

/// Has the operator ask a simulator, by the images whose digests `make image` has printed.
fn ask_the_simulator(cluster: &Cluster, helm: Program) {
    let account = cluster.get(&["clusterheygenaccount", "default"]).unwrap();
    assert_eq!(account["spec"]["baseURL"], Value::Null, "{account}");
    eventually("HeyGen itself was not reached", || ready_reason(cluster).and_then(|reason| expect(&reason, "Unreachable")));

    let image = Image::open(&root().join("dist/twinconsent-operator.tar")).unwrap();
    let [url, insecure] = Beside::values();
    let digest = format!("image.digest={}", image.digest);
    // A test need not wait a minute for the next poll.
    let polling = "account.polling.interval=2s,account.polling.minimum=1s".to_owned();
    let values = [url, insecure, digest, polling].map(|value| format!("--set={value}"));
    let upgrade =
        ["upgrade", RELEASE, "charts/twinconsent", "--namespace", NAMESPACE, "--reset-then-reuse-values", "--wait", "--timeout=120s"];
    Helm::of(cluster, helm).run(&[&upgrade[..], &values.each_ref().map(String::as_str)].concat());
    eventually("HeyGen has accepted the key", || ready_reason(cluster).and_then(|reason| expect(&reason, "CredentialsAccepted")));
}

fn ready_reason(cluster: &Cluster) -> Result<String, String> {
    let reason = "-o=jsonpath={.status.conditions[?(@.type=='Ready')].reason}";
    cluster.try_kubectl(&["get", "clusterheygenaccount", "default", reason])
}

fn expect(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} and not {expected:?}")) }
}

/// The cells of a table's head and rows, but for the times.
fn table(text: &str) -> Vec<Vec<&str>> {
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).filter(|row: &Vec<_>| !row.is_empty()).collect();
    let heads = rows.iter().position(|row| row[0] == "NAME").unwrap_or_else(|| panic!("no table:\n{text}"));
    let (head, rows) = (rows[heads].clone(), &rows[heads + 1..]);
    assert!(rows.iter().all(|row| row.len() == head.len()), "{text}");
    let columns: Vec<usize> = (0..head.len()).filter(|column| !["AGE", "LINKEXPIRES"].contains(&head[*column])).collect();
    [&head].into_iter().chain(rows).map(|row| columns.iter().map(|column| row[*column]).collect()).collect()
}

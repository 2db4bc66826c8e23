//! The recipes of docs/notifications.md, as they stand there: from the consent to the mail, by the link in the mail to the approval, from
//! there to the line in the chat, and what becomes of it later to a store of logs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use controlplane::{Program, Tools};
use heygen_simulator::GroupDefinition;
use heygen_simulator::person::{self, Decision};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::jobs::until;
use crate::marks::Mark;
use crate::pages;
use crate::support::operator::free_address;
use crate::world::World;

const PAGE: &str = "docs/notifications.md";

/// The group of `ada` on that page.
const GROUP: &str = "5f2c8e0b9d3a4c71ada";

/// The addresses of the page, each of which another test on this machine may have.
const ADDRESSES: [&str; 5] = ["127.0.0.1:2525", "127.0.0.1:2580", "127.0.0.1:8091", "127.0.0.1:8092", LOGS];

/// Where VictoriaLogs listens.
const LOGS: &str = "127.0.0.1:9428";

#[test]
fn a_link_is_mailed_its_person_consents_by_it_the_chat_is_told_and_the_store_of_logs_has_the_rest_in_order() {
    let (runtime, groups) = (Runtime::new().unwrap(), BTreeSet::new());
    let mut world = World::new(None, &groups, runtime.handle());
    world.cluster().heygen.create_group(GroupDefinition::twin(GROUP)).unwrap();
    let store = Store::start();
    let blocks = blocks(&store.address);
    let [build, secret, receivers, mail, chat, line, logs] = &blocks[..] else { panic!("{blocks:?}") };
    let folder = world.folder();
    let log = || std::fs::read_to_string(folder.join("consent-mail.log")).unwrap_or_default();
    for block in [&go_as_here(), build, secret, receivers, mail] {
        world.run(block, None).unwrap_or_else(|failure| panic!("{block}\n{failure}\n{}", log()));
    }
    // Another process sends the event again, which is not mailed again.
    world.replace_operator();
    until("it is sent again", || if log().contains("the event was taken before") { Ok(()) } else { Err(log()) });
    world.run(chat, None).unwrap();
    let inbox = || text(&folder.join("inbox.txt"));

    // The person has nothing but the mail.
    let mailed = inbox();
    let link = mailed.lines().find(|line| line.starts_with("http://")).unwrap_or_else(|| panic!("no link in {mailed}")).trim();
    let plane = &world.cluster().plane;
    assert_eq!(plane.kubectl_ok(&["get", "digitaltwinconsent", "ada", "-o", "jsonpath={.status.url}"]).unwrap(), link);
    runtime.block_on(person::play(link, Decision::Consents, Duration::ZERO)).unwrap();
    world.run(line, None).unwrap_or_else(|failure| panic!("{failure}\n{}", inbox()));

    let page = text(&pages::root().join(PAGE));
    let shown = page.lines().find(|line| line.starts_with("{\"text\":\"approved: ")).unwrap();
    let got = inbox();
    assert!(got.lines().any(|line| line == shown), "{got}");
    assert_eq!(got.matches("== mail to ada@example.org").count(), 1, "{got}");
    assert_eq!(got.matches(link).count(), 1, "the chat, or another mail, has the link");
    for log in ["consent-mail.log", "consent-chat.log"] {
        let log = text(&folder.join(log));
        assert!(!log.is_empty() && !log.contains(link) && !log.contains("example.org") && !log.contains("/hook"), "{log}");
    }
    assert!(text(&folder.join("consent-mail.log")).contains("the link is mailed"));

    world.run(logs, None).unwrap();
    let plane = &world.cluster().plane;
    let moved = "{\"spec\": {\"validUntil\": \"2199-01-01T00:00:00Z\"}}";
    let withdrawn = "{\"spec\": {\"withdrawal\": {\"time\": \"2026-01-01T00:00:00Z\"}}}";
    for (patch, event) in [(moved, "term-moved"), (withdrawn, "withdrawn")] {
        plane.kubectl_ok(&["patch", "digitaltwinconsent", "ada", "--type=merge", "-p", patch]).unwrap();
        until(&format!("the store has {event}"), || {
            let trail = runtime.block_on(store.trail());
            if trail.last().is_some_and(|last| last.contains(&format!("consent.{event}.v1"))) { Ok(()) } else { Err(trail.join("\n")) }
        });
    }
    let trail = runtime.block_on(store.trail());
    let permitted: Vec<bool> = trail.iter().map(|line| line.contains("\"data.conditions.Permitted.status\":\"True\"")).collect();
    assert_eq!(permitted, [true, false], "{trail:?}");
}

/// The blocks of the page that are marked for this file, with addresses that are free.
fn blocks(store: &str) -> Vec<String> {
    let own = file!();
    let blocks = pages::blocks().unwrap_or_else(|complaints| panic!("{}\n", complaints.join("\n")));
    let blocks = blocks.into_iter().filter(|block| block.document == PAGE && matches!(&block.mark, Mark::By(file) if file == own));
    let free = ADDRESSES.map(|address| (address, if address == LOGS { store.to_owned() } else { free_address() }));
    blocks.map(|block| free.iter().fold(block.text, |text, (address, free)| text.replace(address, free))).collect()
}

/// VictoriaLogs, with nothing in it.
struct Store {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Store {
    fn start() -> Self {
        let tools = Tools::ensure(&[Program::VictoriaLogs]).unwrap_or_else(|error| panic!("{error}"));
        let (folder, address) = (TempDir::new().unwrap(), free_address());
        let mut program = Command::new(tools.path(Program::VictoriaLogs));
        program.args([format!("-httpListenAddr={address}"), format!("-storageDataPath={}", folder.path().display())]);
        let process = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { process, address, _folder: folder }
    }

    /// What the query of the page finds.
    async fn trail(&self) -> Vec<String> {
        let page = text(&pages::root().join(PAGE));
        let query = page.lines().find(|line| line.starts_with("{source=~")).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = reqwest::Url::parse_with_params(&format!("http://{}/select/logsql/query", self.address), [("query", query)]).unwrap();
        let answer = client.get(url).send().await;
        let found = match answer {
            Ok(answer) if answer.status().is_success() => answer.text().await.unwrap(),
            other => panic!("{other:?}"),
        };
        found.lines().map(str::to_owned).collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Go finds what it has on this machine, although the blocks have another home.
fn go_as_here() -> String {
    let known = Command::new("go").args(["env", "GOENV", "GOMODCACHE", "GOCACHE"]).output().unwrap();
    assert!(known.status.success());
    let known = String::from_utf8(known.stdout).unwrap();
    let [settings, modules, cache] = known.lines().collect::<Vec<_>>()[..] else { panic!("{known}") };
    format!("export GOENV='{settings}' GOMODCACHE='{modules}' GOCACHE='{cache}'\n")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

//! A world whose operators have a return page, and the browser of a person, as far as it takes no browser for it.

use std::ops::Deref;
use std::time::Duration;

use heygen_simulator::GroupDefinition;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::{DEADLINE, Operator, World, eventually};

/// The Secret with the keys.
pub const SECRET: &str = "twinconsent-return-page";

/// What stands before the token in the public address.
const PATH: &str = "/back";

/// A world in which polls are minutes apart, so that what is learned sooner is learned by a landing.
pub struct Scene {
    world: World,
}

/// A replica.
pub struct Replica {
    /// The operator.
    pub operator: Operator,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers but for the date, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Scene {
    /// Sets the world up.
    pub async fn start(name: &str) -> Self {
        let account = json!({
            "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 },
            "polling": { "interval": "1h", "minimum": "1s", "approved": "24h", "unknown": "1h" },
        });
        Self { world: World::with_account(name, account).await }
    }

    /// Starts an operator that needs no election, and waits until it is ready.
    pub async fn operator(&self) -> Replica {
        let replica = self.replica("only", &[]);
        replica.operator.until_ready().await;
        replica
    }

    /// Starts a replica, ready or not.
    pub fn replica(&self, name: &str, arguments: &[&str]) -> Replica {
        let own = [
            // Where persons reach it is another matter than where it listens.
            format!("--return-page-url=https://studio.example{PATH}"),
            "--return-page-listen=127.0.0.1:0".to_owned(),
            format!("--operator-namespace={}", self.namespace),
        ];
        let arguments: Vec<&str> = own.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        let kubeconfig = self.plane.kubeconfig().display().to_string();
        Replica { operator: Operator::start_in(self, &kubeconfig, &arguments, &[("POD_NAME", name)]) }
    }

    /// Asks a person, and waits until a replica knows them, whose watch may be a moment behind ours. Returns the path to which HeyGen leads
    /// them afterwards.
    pub async fn ask(&self, replica: &Replica, name: &str, mut spec: Value) -> String {
        self.simulator.create_group(GroupDefinition::twin(name)).unwrap();
        spec["groupID"] = json!(name);
        self.consent(name, spec).await;
        self.until(name, "AwaitingApproval").await;
        let path = self.path_of(name);
        eventually("the replica knows the token", || async {
            // No landing.
            let answer = replica.request(&format!("HEAD {path} HTTP/1.1\r\nHost: studio.example")).await;
            if [200, 303].contains(&answer.status) { Ok(()) } else { Err(answer.status) }
        })
        .await;
        path
    }

    /// The path to which HeyGen leads the person of this group.
    pub fn path_of(&self, group: &str) -> String {
        let address = self.simulator.group(group).unwrap().links.last().unwrap().reroute_url.clone().unwrap();
        address.strip_prefix("https://studio.example").unwrap_or_else(|| panic!("the person is led to {address}")).to_owned()
    }

    /// Waits until the landing of a person is told.
    pub async fn until_landed(&self, name: &str) -> DigitalTwinConsent {
        self.until_it(name, "the landing is told", |consent| consent.status.as_ref().is_some_and(|status| status.landing_time.is_some()))
            .await
    }

    /// Waits until the group was read by a read of its own so often.
    pub async fn until_polled(&self, group: &str, reads: u64) {
        eventually("HeyGen is polled", || async {
            let now = self.reads(group);
            if now >= reads { Ok(()) } else { Err(format!("{group}: {now} of {reads}")) }
        })
        .await;
    }

    /// The Secrets of the operators' namespace.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Ends the operators, and sees that no token was written anywhere.
    pub async fn end(self, replicas: impl IntoIterator<Item = Replica>) {
        let groups = self.simulator.group_summaries().into_iter().filter_map(|group| self.simulator.group(&group.id).ok());
        let links: Vec<_> = groups.flat_map(|group| group.links).collect();
        let tokens: Vec<String> =
            links.iter().filter_map(|link| link.reroute_url.as_deref()?.rsplit('/').next().map(str::to_owned)).collect();
        let operators: Vec<Operator> = replicas.into_iter().map(|replica| replica.operator).collect();
        for operator in &operators {
            let written = operator.log() + &operator.metrics().await.unwrap_or_default();
            assert!(!tokens.iter().any(|token| written.contains(token)), "a token stands in a log or a metric");
        }
        let consents = serde_json::to_string(&self.consents().list(&kube::api::ListParams::default()).await.unwrap().items).unwrap();
        assert!(!tokens.iter().any(|token| consents.contains(token)), "a token stands in a status");
        self.world.end(operators).await;
    }
}

impl Replica {
    /// Where its return page listens, as its log says.
    pub async fn address(&self) -> String {
        eventually("the return page listens", || async {
            let log = self.operator.log();
            let line = log.lines().find(|line| line.contains("persons come back to the return page")).ok_or("not yet")?;
            let port = line.split_once("127.0.0.1:").ok_or("no address")?.1;
            Ok::<_, &str>(format!("127.0.0.1:{}", port.chars().take_while(char::is_ascii_digit).collect::<String>()))
        })
        .await
    }

    /// What the page answers to GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(&format!("GET {path} HTTP/1.1\r\nHost: studio.example")).await
    }

    /// What it answers to a request, written as it is but for its end.
    pub async fn request(&self, request: &str) -> Answer {
        let address = self.address().await;
        let answered = async {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(format!("{request}\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::time::timeout(DEADLINE, answered).await.expect("the page answers");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let head: Vec<String> = head.lines().map(str::to_lowercase).filter(|line| !line.starts_with("date:")).collect();
        Answer { status, head: head.join("\n"), body: body.to_owned() }
    }

    /// How many landings came to this.
    pub async fn landings(&self, result: &str) -> f64 {
        self.operator.counter("twinconsent_landings_total", &format!("result=\"{result}\"")).await
    }

    /// The operator's memory, in kB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.operator.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Answer {
    /// The heading of the page.
    pub fn heading(&self) -> &str {
        self.body.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>")).map_or("", |(heading, _)| heading)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

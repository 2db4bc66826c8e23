//! The Jobs of the examples, without their containers: what they would run, run here, with the rights that they would have.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use controlplane::{ControlPlane, patience};
use heygen_simulator::{Control, FaultAction, FaultRule, PathKind};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

use crate::pages;
use crate::support::operator::without_proxies;
use crate::world::World;

/// How long anything that must happen may stand still; a withdrawal is confirmed after a minute.
const DEADLINE: Duration = Duration::from_secs(120);

const PAUSE: Duration = Duration::from_millis(100);

/// How many more polls show that nothing comes of them.
const POLLS: u64 = 3;

#[test]
fn the_job_that_waits_goes_on_when_the_person_has_consented_to_this_twin_and_not_before() {
    let (runtime, groups) = (Runtime::new().unwrap(), pages::groups());
    let mut world = World::new(None, &groups, runtime.handle());
    let cluster = world.cluster();
    let (plane, heygen) = (&cluster.plane, &cluster.heygen);
    let job = Job::of("pipeline-that-waits", plane);
    let (group, another) = (job.group(), "5f2c8e0b9d3a4c71hedy");
    let [wait] = &job.steps[..] else { panic!("{:?}", job.steps) };

    // A pod that is deleted need not be killed: the first process of a container has no default for a signal.
    let log = NamedTempFile::new().unwrap();
    let mut waits = job.begin(wait, &log);
    until_logged(&log, "rosalind: does not exist yet");
    assert!(Command::new("kill").args(["-s", "TERM", &waits.id().to_string()]).status().unwrap().success());
    assert_eq!(waits.wait().unwrap().code(), Some(1), "{}", text(&log));

    // Nothing goes on before the object is there, nor while the person is asked.
    let log = NamedTempFile::new().unwrap();
    let mut waits = job.begin(wait, &log);
    until_logged(&log, "rosalind: does not exist yet");
    plane.apply(&job.consent).unwrap();
    until_logged(&log, "rosalind: AwaitingApproval");
    until_polled(heygen, &group);
    assert!(waits.try_wait().unwrap().is_none(), "it went on before the person had consented: {}", text(&log));
    // `Ready` of objects that ask for nothing more than the invitation does not count.
    change(plane, "rosalind", "{\"spec\":{\"readyWhen\":\"Initiated\"}}");
    until_reason(plane, "rosalind", "True", "AwaitingApproval");
    until_polled(heygen, &group);
    assert!(waits.try_wait().unwrap().is_none(), "it took an invitation for consent: {}", text(&log));
    heygen.approve(&group).unwrap();
    let approved = Instant::now();
    until("it goes on", || waits.try_wait().unwrap().map(|_| ()).ok_or_else(|| text(&log)));
    println!("it went on {:?} after the approval at HeyGen", approved.elapsed());
    assert_eq!(waits.wait().unwrap().code(), Some(0), "{}", text(&log));
    assert_eq!(job.code(wait), Some(0), "it holds");

    // What was consented to is taken back.
    heygen.set_consent_status(&group, Some("revoked")).unwrap();
    until_reason(plane, "rosalind", "False", "ConsentRevoked");
    assert_eq!(job.code(wait), job.code_that_fails_the_job(), "revoked");
    heygen.approve(&group).unwrap();
    until_reason(plane, "rosalind", "True", "Approved");
    assert_eq!(job.code(wait), Some(0), "and given again");
    change(plane, "rosalind", "{\"spec\":{\"withdrawal\":{\"time\":\"2026-01-01T00:00:00Z\"}}}");
    assert_eq!(job.code(wait), job.code_that_fails_the_job(), "withdrawn");

    // An object of the same name for another person, who has consented.
    plane.kubectl_ok(&["delete", "digitaltwinconsent", "rosalind"]).unwrap();
    heygen.approve(another).unwrap();
    plane.apply(&job.consent.replace(&group, another)).unwrap();
    until_reason(plane, "rosalind", "True", "Approved");
    assert_eq!(job.code(wait), job.code_that_fails_the_job(), "another avatar group");
}

#[test]
fn the_job_that_invites_goes_on_when_the_link_is_there_and_does_not_wait_for_the_person() {
    let (runtime, groups) = (Runtime::new().unwrap(), pages::groups());
    let mut world = World::new(None, &groups, runtime.handle());
    let cluster = world.cluster();
    let (plane, heygen) = (&cluster.plane, &cluster.heygen);
    let job = Job::of("pipeline-that-invites", plane);
    let [_, of_the_link] = &job.steps[..] else { panic!("{:?}", job.steps) };
    let held = FaultRule::new(FaultAction::DelayBefore { milliseconds: 3_600_000 }).on(PathKind::Consent).group(job.group());
    let held = heygen.add_fault(held).unwrap();
    plane.apply(&job.consent).unwrap();
    let log = NamedTempFile::new().unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| job.run(of_the_link, "60s", &log));
        until_logged(&log, "watch=true");
        assert!(!waits.is_finished(), "it went on before there was a link");
        heygen.remove_fault(held).unwrap();
        waits.join().unwrap().unwrap();
    });
    let url = plane.kubectl_ok(&["get", "digitaltwinconsent", "hedy", "-o", "jsonpath={.status.url}"]).unwrap();
    assert!(!url.is_empty(), "it went on without a link");
    assert_eq!(heygen.group(&job.group()).unwrap().consent_status.as_deref(), Some("pending"));
}

/// An example: its consent, and the commands of its init containers, with the login of its ServiceAccount.
struct Job<'a> {
    plane: &'a ControlPlane,
    consent: String,
    steps: Vec<Vec<String>>,
    kubeconfig: PathBuf,
    /// The exit code after which the Job is not tried again.
    fails_the_job: Option<i64>,
}

impl<'a> Job<'a> {
    /// Applies the account and the rights of an example.
    fn of(example: &str, plane: &'a ControlPlane) -> Self {
        let yaml = std::fs::read_to_string(pages::root().join(format!("examples/{example}.yaml"))).unwrap();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
        let the = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("{example} has no {kind}"));
        for object in &objects {
            assert_eq!(object["metadata"]["namespace"], "default", "{object}");
        }
        for kind in ["ServiceAccount", "Role", "RoleBinding"] {
            plane.apply(&the(kind).to_string()).unwrap();
        }
        let pod = &the("Job")["spec"]["template"]["spec"];
        let account = pod["serviceAccountName"].as_str().unwrap();
        let kubeconfig = plane.service_account_kubeconfig("default", account).unwrap();
        let text = |argument: &Value| argument.as_str().unwrap().to_owned();
        let steps = pod["initContainers"].as_array().unwrap().iter();
        let steps = steps.map(|step| step["args"].as_array().unwrap().iter().map(text).collect()).collect();
        let fails_the_job = the("Job").pointer("/spec/podFailurePolicy/rules/0/onExitCodes/values/0").and_then(Value::as_i64);
        Self { plane, consent: the("DigitalTwinConsent").to_string(), steps, kubeconfig, fails_the_job }
    }

    fn group(&self) -> String {
        let consent: Value = serde_json::from_str(&self.consent).unwrap();
        consent["spec"]["groupID"].as_str().unwrap().to_owned()
    }

    /// Runs a step to its end, which comes after so much time: the examples wait longer than a test should. An error is what it said.
    fn run(&self, step: &[String], timeout: &str, log: &NamedTempFile) -> Result<(), String> {
        let mut kubectl: Command = self.plane.kubectl();
        kubectl.env("KUBECONFIG", &self.kubeconfig).arg("--namespace=default").args(step);
        // The last one counts; the log tells of each request.
        kubectl.args([&format!("--timeout={timeout}"), "-v=6"]);
        kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.reopen().unwrap());
        if kubectl.status().unwrap().success() { Ok(()) } else { Err(text(log)) }
    }

    /// Starts the operator's image with these arguments, that is its program.
    fn begin(&self, arguments: &[String], log: &NamedTempFile) -> Child {
        let mut program = Command::new(env!("CARGO_BIN_EXE_twinconsent-operator"));
        without_proxies(&mut program);
        program.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap()
    }

    /// With which code it ends that checks once.
    fn code(&self, arguments: &[String]) -> Option<i32> {
        let once = |argument: &String| if argument.starts_with("--timeout=") { "--timeout=0s".to_owned() } else { argument.clone() };
        let arguments: Vec<String> = arguments.iter().map(once).collect();
        self.begin(&arguments, &NamedTempFile::new().unwrap()).wait().unwrap().code()
    }

    fn code_that_fails_the_job(&self) -> Option<i32> {
        self.fails_the_job.and_then(|code| i32::try_from(code).ok())
    }
}

/// Waits until `Ready` of a consent in `default` is this, with this reason.
pub fn until_reason(plane: &ControlPlane, name: &str, status: &str, reason: &str) {
    let ready = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}:{.status.conditions[?(@.type==\"Ready\")].reason}";
    until(&format!("{name} is {reason}"), || {
        let shown = plane.kubectl_ok(&["get", "digitaltwinconsent", name, "-o", ready]).map_err(|error| error.to_string())?;
        if shown == format!("{status}:{reason}") { Ok(()) } else { Err(shown) }
    });
}

/// Waits until the group was polled some times more.
pub fn until_polled(heygen: &Control, group: &str) {
    let polls = || {
        let summary = heygen.group_summary(group);
        summary.reads + summary.listed
    };
    let before = polls();
    until("HeyGen is polled", || if polls() >= before + POLLS { Ok(()) } else { Err(polls().to_string()) });
}

/// Waits until an attempt succeeds.
pub fn until(what: &str, attempt: impl FnMut() -> Result<(), String>) {
    patience::until(DEADLINE, PAUSE, attempt).unwrap_or_else(|given_up| panic!("{what}: {given_up}"));
}

fn change(plane: &ControlPlane, name: &str, patch: &str) {
    plane.kubectl_ok(&["patch", "digitaltwinconsent", name, "--type=merge", "-p", patch]).unwrap();
}

fn until_logged(log: &NamedTempFile, what: &str) {
    until(&format!("{what} is logged"), || if text(log).contains(what) { Ok(()) } else { Err(text(log)) });
}

fn text(log: &NamedTempFile) -> String {
    std::fs::read_to_string(log.path()).unwrap()
}

//! The kill switch of an account that a release holds: what a hand has stopped, no release starts, and the other way round.

use controlplane::ControlPlane;
use serde_json::Value;

use crate::cluster::{fresh, get};
use crate::helm::{Helm, NAMESPACE, Said};

const INSTALL: [&str; 5] = ["--create-namespace", "--set=replicas=0", "--wait", "--timeout=60s", "--set=account.suspend=false"];

#[test]
fn what_is_stopped_by_hand_stays_so_with_helm_3() {
    stopped_by_hand(Helm::Three);
}

#[test]
fn what_is_stopped_by_hand_stays_so_with_helm_4() {
    stopped_by_hand(Helm::Four);
}

fn stopped_by_hand(helm: Helm) {
    let plane = fresh();
    let release = Release { helm, plane: &plane };
    release.run("install", &INSTALL).ok();
    release.by_hand("true");

    // The account came by a hook, and this revision takes it over; with other values it would have to make it anew.
    let refusal = release.run("upgrade", &["--set=account.polling.interval=90s"]).refusal();
    assert!(refusal.contains("account.suspend: the account is suspended by hand"), "{refusal}");
    assert_eq!(release.suspend(), true);
    release.run("upgrade", &["--set=account.suspend=false"]).ok();
    assert_eq!(release.suspend(), true);

    // From now on it is held, and other fields change under it.
    for interval in ["90s", "91s"] {
        release.run("upgrade", &[&format!("--set=account.polling.interval={interval}")]).ok();
        assert_eq!((release.spec()["polling"]["interval"].clone(), release.suspend()), (interval.into(), true.into()));
    }
    release.helm.run_on(plane.kubeconfig(), &["rollback", "twinconsent", "3", "--namespace", NAMESPACE]).ok();
    assert_eq!((release.spec()["polling"]["interval"].clone(), release.suspend()), ("90s".into(), true.into()));

    // The hand resumes it, and may stop it again.
    release.by_hand("false");
    release.run("upgrade", &["--set=account.polling.interval=92s"]).ok();
    assert_eq!(release.suspend(), false);
    release.by_hand("true");
    release.run("upgrade", &["--set=account.polling.interval=93s"]).ok();
    assert_eq!(release.suspend(), true);
    release.by_hand("null");
    release.run("upgrade", &["--set=account.polling.interval=94s"]).ok();
    assert_eq!(release.suspend(), Value::Null);
}

#[test]
fn what_is_stopped_by_a_value_is_resumed_by_it_with_helm_3() {
    stopped_by_a_value(Helm::Three);
}

#[test]
fn what_is_stopped_by_a_value_is_resumed_by_it_with_helm_4() {
    stopped_by_a_value(Helm::Four);
}

fn stopped_by_a_value(helm: Helm) {
    const STOP: &str = "--set=account.suspend=true";
    let plane = fresh();
    let release = Release { helm, plane: &plane };
    release.run("install", &INSTALL).ok();
    // In the revision that takes the account over, and in one that holds it.
    release.run("upgrade", &[STOP]).ok();
    assert_eq!(release.suspend(), true);
    release.run("upgrade", &[STOP, "--set=account.polling.interval=90s"]).ok();
    assert_eq!(release.suspend(), true);
    release.run("upgrade", &[]).ok();
    assert_eq!(release.suspend(), Value::Null);
    release.run("upgrade", &[STOP]).ok();
    assert_eq!(release.suspend(), true);

    // A user who resumes it by hand disagrees with the values, and both are named.
    release.by_hand("false");
    let refusal = release.run("upgrade", &[STOP, "--set=account.polling.interval=91s"]).refusal();
    assert!(refusal.contains("account.suspend: it is true, but somebody has resumed the account by hand"), "{refusal}");
    assert_eq!(release.suspend(), false);
    // One way out: the values give in. The other one: the hand does.
    release.run("upgrade", &["--set=account.polling.interval=92s"]).ok();
    assert_ne!(release.suspend(), true);
    release.by_hand("true");
    release.run("upgrade", &[STOP, "--set=account.polling.interval=93s"]).ok();
    assert_eq!((release.spec()["polling"]["interval"].clone(), release.suspend()), ("93s".into(), true.into()));
}

/// The release `twinconsent` with an account.
struct Release<'a> {
    helm: Helm,
    plane: &'a ControlPlane,
}

impl Release<'_> {
    fn run(&self, verb: &str, values: &[&str]) -> Said {
        let account = ["--set=account.create=true", "--set=account.apiKey=a-key-of-heygen"];
        let arguments = [&[verb, "twinconsent", "charts/twinconsent", "--namespace", NAMESPACE], &account[..], values].concat();
        self.helm.run_on(self.plane.kubeconfig(), &arguments)
    }

    /// As the documents say it.
    fn by_hand(&self, suspend: &str) {
        let patch = format!(r#"{{"spec":{{"suspend":{suspend}}}}}"#);
        self.plane.kubectl_ok(&["patch", "clusterheygenaccount", "default", "--type=merge", "-p", &patch]).unwrap();
    }

    fn spec(&self) -> Value {
        get(self.plane, &["clusterheygenaccount", "default"])["spec"].clone()
    }

    fn suspend(&self) -> Value {
        self.spec()["suspend"].clone()
    }
}

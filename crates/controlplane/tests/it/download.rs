//! The published programs are downloaded where that works, and built where it does not: the real setup-envtest, against a server on
//! loopback.

pub mod server;
pub mod stage;

use std::time::{Duration, Instant};

use server::Answer;
use stage::{INDEX, Outcome, PUBLISHED, Stage, index, minor};

use crate::eventually;

/// Where the archive of most tests is.
const ARCHIVE: &str = "/archive.tar.gz";

/// How long nothing may come: as README says.
const STILL: Duration = Duration::from_secs(10);

/// An index with one archive of a patch of the pinned minor, and that archive answered so.
fn publish(stage: &Stage, archive: Vec<u8>, answer: impl FnOnce(Vec<u8>) -> Answer) {
    let version = format!("{}.0", minor());
    stage.server.answers(INDEX, Answer::Whole(index(&[(&version, &stage.address(ARCHIVE), &archive)])));
    stage.server.answers(ARCHIVE, answer(archive));
}

fn whole_archive(stage: &Stage) -> Vec<u8> {
    stage.archive("published", &PUBLISHED)
}

/// All that were to be downloaded are built instead; one line says so and why; nothing is left.
#[track_caller]
fn assert_built_instead(stage: &Stage, outcome: &Outcome, why: &str) {
    assert_eq!(outcome.programs, ["built"; 3], "{}", outcome.stderr);
    let packages: Vec<&str> = outcome.built.lines().collect();
    assert_eq!(packages, ["go.etcd.io/etcd/server/v3", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kubectl"]);
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("not downloaded")).collect();
    let [line] = lines[..] else { panic!("{}", outcome.stderr) };
    assert!(line.contains(why) && line.contains("built with Go instead") && line.contains("takes about "), "{line}");
    // Only what it announced and what Go does stands beside it.
    let others = outcome.stderr.lines().filter(|other| *other != line);
    let expected = ["downloading etcd", "controlplane: [", "to build: "];
    assert!(others.clone().all(|line| expected.iter().any(|words| line.contains(words))), "{}", outcome.stderr);
    assert_eq!(stage.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_newest_patch_of_the_pinned_minor_is_downloaded_once_and_nothing_is_built() {
    let stage = Stage::new();
    let (minor, next) = (minor(), "9.0.0");
    let [older, newer] = ["2", "10"].map(|patch| format!("{minor}.{patch}"));
    let archives = [&*older, &*newer, next].map(|version| stage.archive(version, &PUBLISHED));
    let addresses = ["/older", "/newer", "/next"].map(|path| stage.address(path));
    let releases: Vec<_> = [&*older, &*newer, next]
        .into_iter()
        .zip(&addresses)
        .zip(&archives)
        .map(|((version, address), archive)| (version, &**address, &**archive))
        .collect();
    stage.server.answers(INDEX, Answer::Whole(index(&releases)));
    for (path, archive) in ["/older", "/newer", "/next"].into_iter().zip(&archives) {
        stage.server.answers(path, Answer::Whole(archive.clone()));
    }

    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_eq!(outcome.programs, [&*newer; 3], "{}", outcome.stderr);
    assert_eq!(outcome.built, "", "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&format!("of Kubernetes {newer} in ")), "{}", outcome.stderr);
    assert_eq!(stage.left(), Vec::<std::path::PathBuf>::new());

    let asked = stage.server.asked();
    let again = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_eq!(again.programs, outcome.programs);
    assert_eq!(again.stderr, "");
    assert_eq!(stage.server.asked(), asked);
}

#[test]
fn a_slow_download_has_its_time_as_long_as_something_comes() {
    let stage = Stage::new();
    publish(&stage, whole_archive(&stage), Answer::Slow);
    let began = Instant::now();
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert!(began.elapsed() > STILL, "{:?}", began.elapsed());
    assert_eq!(outcome.programs, ["published"; 3], "{}", outcome.stderr);
}

#[test]
fn the_proxy_of_the_environment_is_asked() {
    let stage = Stage::new();
    let archive = whole_archive(&stage);
    let version = format!("{}.0", minor());
    stage.server.answers(INDEX, Answer::Whole(index(&[(&version, "http://archives.invalid/archive.tar.gz", &archive)])));
    stage.server.answers(ARCHIVE, Answer::Whole(archive));
    let outcome = stage.run(stage.command("http://index.invalid/index.yaml").env("HTTP_PROXY", stage.address("")));
    assert_eq!(outcome.programs, ["published"; 3], "{}", outcome.stderr);
    assert!(stage.server.asked().contains(&"http://archives.invalid/archive.tar.gz".to_owned()), "{:?}", stage.server.asked());
}

#[test]
fn where_downloading_is_forbidden_no_server_is_asked() {
    let stage = Stage::new();
    publish(&stage, whole_archive(&stage), Answer::Whole);
    let outcome = stage.run(stage.command(&stage.address(INDEX)).env("ENVTEST_INSTALLED_ONLY", "1"));
    assert_eq!(outcome.programs, ["built"; 3], "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("download"), "{}", outcome.stderr);
    assert_eq!(stage.server.asked(), Vec::<String>::new());
}

#[test]
fn a_refused_connection_falls_to_the_build_at_once() {
    let stage = Stage::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = stage.run(&mut stage.command(&format!("http://{closed}{INDEX}")));
    assert_built_instead(&stage, &outcome, "connection refused");
}

#[test]
fn an_index_that_cannot_be_read_falls_to_the_build() {
    for text in ["releases: [", "releases: 7", "<html></html>", "", "releases: {v1: {envtest-v1.0.0-linux-amd64.tar.gz: []}}"] {
        let stage = Stage::new();
        stage.server.answers(INDEX, Answer::Whole(text.into()));
        let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
        assert_built_instead(&stage, &outcome, if text.is_empty() { "unable to find a version" } else { "index" });
    }
}

#[test]
fn an_index_without_the_pinned_minor_falls_to_the_build() {
    let stage = Stage::new();
    let archive = whole_archive(&stage);
    stage.server.answers(INDEX, Answer::Whole(index(&[("1.20.0", &stage.address(ARCHIVE), &archive)])));
    stage.server.answers(ARCHIVE, Answer::Whole(archive));
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_built_instead(&stage, &outcome, "unable to find a version");
}

#[test]
fn an_archive_that_is_not_there_falls_to_the_build_and_its_address_tells_no_secret() {
    let stage = Stage::new();
    let version = format!("{}.0", minor());
    let address = format!("http://ada:s3cret@{}/gone?token=s3cret", stage.server.address);
    stage.server.answers(INDEX, Answer::Whole(index(&[(&version, &address, b"")])));
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_built_instead(&stage, &outcome, "404");
    assert!(!outcome.stderr.contains("s3cret"), "{}", outcome.stderr);
}

#[test]
fn an_archive_that_is_cut_off_falls_to_the_build() {
    let stage = Stage::new();
    publish(&stage, whole_archive(&stage), Answer::CutOff);
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_built_instead(&stage, &outcome, "unexpected EOF");
}

#[test]
fn an_archive_with_another_checksum_falls_to_the_build() {
    let stage = Stage::new();
    let other = stage.archive("other", &PUBLISHED);
    publish(&stage, whole_archive(&stage), |_| Answer::Whole(other));
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_built_instead(&stage, &outcome, "checksum mismatch");
}

#[test]
fn an_archive_that_is_none_or_lacks_a_program_falls_to_the_build() {
    let stage = Stage::new();
    publish(&stage, b"no archive".to_vec(), Answer::Whole);
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_built_instead(&stage, &outcome, "archive");

    let stage = Stage::new();
    publish(&stage, stage.archive("lacking", &PUBLISHED[..2]), Answer::Whole);
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_built_instead(&stage, &outcome, "the archive holds no kubectl");
}

/// Falls to the build after 10 s; and what downloaded is gone.
#[track_caller]
fn assert_given_up(stage: &Stage) {
    let began = Instant::now();
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert!(began.elapsed() >= STILL, "{:?}: {}", began.elapsed(), outcome.stderr);
    assert_built_instead(stage, &outcome, "nothing came for 10 s");
    eventually("no client waits any more", || stage.server.held() == 0);
}

#[test]
fn an_index_that_never_comes_falls_to_the_build() {
    let stage = Stage::new();
    stage.server.answers(INDEX, Answer::Silence);
    assert_given_up(&stage);
}

#[test]
fn an_archive_that_never_begins_falls_to_the_build() {
    let stage = Stage::new();
    publish(&stage, whole_archive(&stage), |_| Answer::Silence);
    assert_given_up(&stage);
}

#[test]
fn an_archive_that_stands_still_in_the_middle_falls_to_the_build() {
    let stage = Stage::new();
    publish(&stage, whole_archive(&stage), Answer::Stall);
    assert_given_up(&stage);
}

#[test]
fn a_download_ends_with_the_start_that_waits_for_it_and_leaves_nothing_in_the_way_of_the_next() {
    let stage = Stage::new();
    publish(&stage, whole_archive(&stage), Answer::Stall);
    let mut child = stage.start(&mut stage.command(&stage.address(INDEX)));
    eventually("half of it is there", || stage.server.held() == 1);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    eventually("no client waits any more", || stage.server.held() == 0);

    publish(&stage, whole_archive(&stage), Answer::Whole);
    let outcome = stage.run(&mut stage.command(&stage.address(INDEX)));
    assert_eq!(outcome.programs, ["published"; 3], "{}", outcome.stderr);
    assert_eq!(stage.left(), Vec::<std::path::PathBuf>::new());
}

use std::fs;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// How long a test waits for what is to come: much longer than it takes.
const FAR: Duration = Duration::from_secs(60);

/// The longest that a status may wait on a machine that does other things too.
const SOON: Duration = LONGEST_WAIT.saturating_mul(5);

/// A file that takes what is written, and that Linux cannot send to a disk: the name of this process.
#[cfg(target_os = "linux")]
pub(super) const NO_SYNC: &str = "/proc/self/comm";

struct Started {
    log: AuditLog,
    metrics: Arc<Metrics>,
}

impl Started {
    fn on(output: Output) -> Self {
        let metrics = Arc::new(Metrics::new());
        let log = AuditLog::writing(output, metrics.clone(), Readiness::default()).unwrap();
        Self { log, metrics }
    }

    fn at(path: &Path) -> Self {
        Self::on(Output::of(&Target::File(path.to_owned())).unwrap())
    }

    /// Writes one line. Returns how long that took.
    async fn write(&self, line: &str) -> Duration {
        let began = clock::monotonic();
        self.log.write(&[line.to_owned()], &mut TimeToWait::default()).await;
        clock::monotonic() - began
    }

    fn trouble(&self) -> Option<String> {
        self.log.trouble().unwrap().borrow().clone()
    }

    async fn is_in_trouble(&self, why: &str) {
        let mut trouble = self.log.trouble().unwrap();
        let is_shown = trouble.wait_for(|trouble| trouble.as_ref().is_some_and(|shown| shown.contains(why)));
        drop(tokio::time::timeout(FAR, is_shown).await.unwrap().unwrap());
        assert_eq!(self.metric("twinconsent_audit_log_writable"), 0);
    }

    async fn is_well_again(&self) {
        let mut trouble = self.log.trouble().unwrap();
        drop(tokio::time::timeout(FAR, trouble.wait_for(Option::is_none)).await.unwrap().unwrap());
        assert_eq!(self.metric("twinconsent_audit_log_writable"), 1);
    }

    fn metric(&self, name: &str) -> usize {
        let page = self.metrics.encode();
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().parse().unwrap()
    }

    /// How many lines were written in time, late and never.
    fn counted(&self) -> [usize; 3] {
        ["written", "late", "dropped"].map(|result| self.count(result))
    }

    fn count(&self, result: &str) -> usize {
        self.metric(&format!("twinconsent_audit_events_total{{result=\"{result}\"}}"))
    }

    async fn close(&self) {
        tokio::time::timeout(FAR, self.log.close()).await.unwrap();
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// A pipe with a name, which has no reader yet.
fn fifo(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[tokio::test]
async fn lines_are_in_the_file_when_write_comes_back_and_only_its_group_may_read_it() {
    let folder = folder();
    let path = folder.path().join("audit.log");
    let started = Started::at(&path);
    started.log.write(&["one".to_owned(), "two".to_owned()], &mut TimeToWait::default()).await;
    assert_eq!(text(&path), "one\ntwo\n");
    started.write("three").await;
    assert_eq!((text(&path), started.counted()), ("one\ntwo\nthree\n".to_owned(), [3, 0, 0]));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o027, 0);
}

#[tokio::test]
async fn no_log_takes_every_line_and_is_never_in_trouble() {
    let log = AuditLog::start(None, Arc::new(Metrics::new()), Readiness::default()).unwrap();
    log.write(&["one".to_owned()], &mut TimeToWait::default()).await;
    assert!(log.trouble().is_none());
    log.close().await;
}

#[tokio::test]
async fn nothing_waits_longer_than_a_second_for_a_log_that_stands_still_and_what_waits_has_a_bound() {
    const LINES: usize = 10_000;
    let folder = folder();
    let path = fifo(&folder);
    let started = Started::at(&path);
    assert!(started.write("0").await < SOON);
    assert_eq!(started.trouble().as_deref(), Some("a write takes longer than 1 s"));
    let began = clock::monotonic();
    for number in 1..LINES {
        started.write(&number.to_string()).await;
    }
    // A second each would be hours.
    assert!(clock::monotonic() - began < Duration::from_secs(LINES as u64 / 100), "each waited for a log that is known to stand still");
    // One more is in the hands of the writer, if it was there before the writer began to open the log, which stands still as well.
    let [written, late, dropped] = started.counted();
    let kept = LINES - dropped;
    assert!((written, late) == (0, 0) && [MOST_WAITING, MOST_WAITING + 1].contains(&kept), "{written} {late} {dropped}");

    let read: Vec<String> = BufReader::new(File::open(&path).unwrap()).lines().take(kept).map(Result::unwrap).collect();
    assert_eq!(read, (0..kept).map(|number| number.to_string()).collect::<Vec<_>>(), "what had room, in its order");
    started.is_well_again().await;
    assert_eq!(started.counted(), [0, kept, LINES - kept]);
}

#[tokio::test]
async fn all_tries_to_write_one_status_share_one_second() {
    let folder = folder();
    let started = Started::at(&fifo(&folder));
    let mut left = TimeToWait::default();
    started.log.write(&["one".to_owned()], &mut left).await;
    assert_eq!(left.0, Duration::ZERO);
}

#[tokio::test]
async fn a_full_disk_is_shown_and_what_waited_is_written_when_there_is_room() {
    let folder = folder();
    let (path, roomy) = (folder.path().join("audit.log"), folder.path().join("roomy.log"));
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let started = Started::at(&path);
    started.write("one").await;
    started.is_in_trouble("No space left on device").await;
    assert!(started.write("two").await < SOON);
    assert_eq!(started.counted(), [0, 0, 0], "both wait");
    std::os::unix::fs::symlink(&roomy, folder.path().join("other")).unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    started.is_well_again().await;
    assert_eq!((text(&roomy), started.counted()), ("one\ntwo\n".to_owned(), [0, 2, 0]));
    started.write("three").await;
    assert_eq!((text(&roomy), started.counted()), ("one\ntwo\nthree\n".to_owned(), [1, 2, 0]));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_disk_refuses_that_was_written_is_shown_until_it_takes_something_and_counted() {
    let folder = folder();
    let (path, sound) = (folder.path().join("audit.log"), folder.path().join("sound.log"));
    std::os::unix::fs::symlink(NO_SYNC, &path).unwrap();
    let started = Started::at(&path);
    started.log.write(&["one".to_owned(), "two".to_owned()], &mut TimeToWait::default()).await;
    assert_eq!((started.counted(), started.count("unsynced")), ([2, 0, 0], 0), "it is in the kernel's hands");
    started.is_in_trouble("sync: Invalid argument").await;
    assert_eq!(started.count("unsynced"), 2);
    std::os::unix::fs::symlink(&sound, folder.path().join("other")).unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    started.is_well_again().await;
    started.write("three").await;
    assert_eq!((text(&sound), started.counted(), started.count("unsynced")), ("three\n".to_owned(), [3, 0, 0], 2));
}

#[tokio::test]
async fn a_closed_pipe_is_shown() {
    let (reader, writer) = std::io::pipe().unwrap();
    let started = Started::on(Output::Inherited(OwnedFd::from(writer).into()));
    started.write("one").await;
    assert_eq!(started.counted(), [1, 0, 0]);
    drop(reader);
    started.write("two").await;
    started.is_in_trouble("Broken pipe").await;
    started.close().await;
    assert_eq!(started.counted(), [1, 0, 1]);
}

#[tokio::test]
async fn a_line_that_was_written_in_part_goes_on_where_it_was() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    // It takes what there is room for, and then says so.
    ours.set_nonblocking(true).unwrap();
    let started = Started::on(Output::Inherited(OwnedFd::from(ours).into()));
    let line = "0123456789".repeat(50_000);
    let writing = started.write(&line);
    let reading = async {
        started.is_in_trouble("temporarily unavailable").await;
        tokio::task::spawn_blocking(move || {
            let mut read = vec![0; 500_001];
            theirs.read_exact(&mut read).map(|()| read)
        })
        .await
        .unwrap()
    };
    let (_, read) = tokio::join!(writing, reading);
    assert!(read.unwrap() == format!("{line}\n").into_bytes());
}

#[tokio::test]
async fn a_file_that_was_renamed_or_removed_is_left_for_a_new_one() {
    let folder = folder();
    let (path, rotated) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let started = Started::at(&path);
    started.write("one").await;
    fs::rename(&path, &rotated).unwrap();
    started.write("two").await;
    assert_eq!((text(&rotated), text(&path)), ("one\n".to_owned(), "two\n".to_owned()));
    // As logrotate does with `create`.
    fs::write(folder.path().join("new"), "").unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    started.write("three").await;
    assert_eq!(text(&path), "three\n");
    fs::remove_file(&path).unwrap();
    started.write("four").await;
    assert_eq!((text(&path), started.trouble()), ("four\n".to_owned(), None));
}

#[tokio::test]
async fn a_file_that_was_truncated_goes_on_at_its_beginning() {
    let folder = folder();
    let path = folder.path().join("audit.log");
    let started = Started::at(&path);
    started.write("one").await;
    File::options().write(true).truncate(true).open(&path).unwrap();
    started.write("two").await;
    assert_eq!(text(&path), "two\n");
}

#[tokio::test]
async fn a_folder_that_is_gone_is_shown_before_there_is_a_line_and_so_is_its_return() {
    let folder = folder();
    let inner = folder.path().join("logs");
    let path = inner.join("audit.log");
    fs::create_dir(&inner).unwrap();
    let started = Started::at(&path);
    started.write("one").await;
    fs::remove_dir_all(&inner).unwrap();
    started.is_in_trouble("No such file").await;
    assert!(started.write("two").await < SOON);
    fs::create_dir(&inner).unwrap();
    started.is_well_again().await;
    assert_eq!((text(&path), started.counted()), ("two\n".to_owned(), [1, 1, 0]));
}

#[tokio::test]
async fn a_file_that_ends_amid_a_line_goes_on_with_a_new_line_at_the_start_and_when_it_is_opened_anew() {
    let folder = folder();
    let path = folder.path().join("audit.log");
    fs::write(&path, "to").unwrap();
    let started = Started::at(&path);
    started.write("one").await;
    assert_eq!(text(&path), "to\none\n");
    fs::write(&path, "torn").unwrap();
    started.log.reopen();
    started.write("two").await;
    assert_eq!(text(&path), "torn\ntwo\n");
}

#[tokio::test]
async fn a_replica_that_waited_with_an_open_file_goes_on_with_a_new_line_after_one_that_was_killed_amid_a_line() {
    let folder = folder();
    let path = folder.path().join("audit.log");
    let (leader, standby) = (Started::at(&path), Started::at(&path));
    leader.write("one").await;
    standby.write("two").await;
    leader.write("three").await;
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"to").unwrap();
    standby.write("four").await;
    assert_eq!(text(&path), "one\ntwo\nthree\nto\nfour\n");
}

#[tokio::test]
async fn closing_writes_what_waits_and_takes_no_more() {
    let folder = folder();
    let path = folder.path().join("audit.log");
    let started = Started::at(&path);
    let shared = started.log.0.as_ref().unwrap();
    for number in 0..MOST_WAITING {
        drop(shared.hand_in(&[number.to_string()]));
    }
    started.close().await;
    let dropped = started.counted()[2];
    assert_eq!(text(&path).lines().count() + dropped, MOST_WAITING);
    assert_eq!(dropped, 0);
    assert!(started.write("more").await < SOON);
    // One that was written before its write was given up counts as written.
    let [written, late, dropped] = started.counted();
    assert_eq!((written + late, dropped), (MOST_WAITING, 1));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_hold_up_the_end() {
    let started = Started::at(Path::new("/dev/full"));
    started.write("one").await;
    started.write("two").await;
    started.close().await;
    assert_eq!(started.counted(), [0, 0, 2]);
}

//! Runs a program so that it ends with us, however we end.
//!
//! `Drop` does not run after a SIGKILL, nor for a `static`. The parent-death signal of Linux needs `unsafe` and is
//! Linux only. A process group can only be killed by a process that still runs.
//! What the kernel does reliably is close our file descriptors: so each program runs under a small `sh` whose standard
//! input is a pipe that only we can write to. We never write; when the pipe ends, however that came about, the
//! script ends the program.
//!
//! ```text
//!   us ──pipe──▶ watcher (sh): at end of file TERM, after a grace KILL
//!                   │
//!                   ▼
//!                program ──exit──▶ sh: ends the watcher, exits with the program's status ──▶ us, by `try_wait`
//! ```
//!
//! The script and the program also hold the write end of a second pipe, the *lifeline*, open for as long as they live.
//! Its reader (see `home`) thus knows when the last of them is gone.
//!
//! The scripts get a process group of their own: Ctrl-C in a terminal then reaches only us, and we stop the programs in
//! order.

use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeWriter, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// How long a supervisor may take to end after its pipe ended: its own grace and then some.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// How often a state that has no event to wait for is asked for.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// How much of a log's end goes into an error.
const LOG_TAIL_BYTES: u64 = 4096;
const LOG_TAIL_LINES: usize = 20;

/// `$1` says what is ended, the `program` or its whole `group`; `$2` is the file for the program's process id, the rest is the program
/// with its arguments.
///
/// The grace is 2 s: an API server that lost its etcd would wait for minutes.
/// `read` and not `cat`: a child of the watcher would outlive the watcher.
/// The scripts are of the group, and must outlive its TERM: the watcher ignores it, and the waiting one waits again.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT
trap : TERM
target=$1 pid_file=$2; shift 2
exec 3<&0 4>&1 </dev/null 1>&2
"$@" 3<&- &
program=$!
[ "$target" = group ] && target=0 || target=$program
(
    trap '' TERM
    while read -r _ <&3; do :; done
    kill -TERM "$target"
    ticks=0
    while [ "$ticks" -lt 20 ] && kill -0 "$program"; do sleep 0.1; ticks=$((ticks + 1)); done
    kill -KILL "$target"
) 2>/dev/null &
watcher=$!
exec 3<&-
echo "$program" >"$pid_file"
while wait "$program"; status=$?; kill -0 "$program" 2>/dev/null; do :; done
kill -KILL "$watcher"
exit "$status"
"#;

/// What is ended with the supervisor.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// A program that ends what it has started.
    Program,
    /// All that it has started as well: compilers run on without those that started them.
    Group,
}

impl Target {
    fn word(self) -> &'static str {
        match self {
            Target::Program => "program",
            Target::Group => "group",
        }
    }
}

/// A running program with its supervisor; dropping it ends both and waits for that.
pub(crate) struct Supervised {
    name: &'static str,
    supervisor: Child,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Supervised {
    /// Starts `program` in `dir`, with its output appended to `dir/NAME.log`.
    ///
    /// # Errors
    /// When `sh` or the log cannot be had. That the program itself cannot be run shows in [`Supervised::check`].
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        dir: &Path,
        lifeline: Option<&PipeWriter>,
    ) -> Result<Supervised, Error> {
        Supervised::start_in(Target::Program, name, program, arguments, dir, lifeline, |command| {
            // A proxy that the user's shell is set up for has no business between programs on loopback.
            for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
                command.env_remove(variable);
                command.env_remove(variable.to_lowercase());
            }
            // They are programs of Go, and a tenth of what a young API server computes is the search for a few megabytes to free.
            command.env("GOGC", "400");
        })
    }

    /// The same in an environment that `prepare` changes, and which has the user's proxy; and with the program ends what it has started.
    ///
    /// # Errors
    /// As [`Supervised::start`].
    pub(crate) fn start_group(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        dir: &Path,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Supervised, Error> {
        Supervised::start_in(Target::Group, name, program, arguments, dir, None, prepare)
    }

    fn start_in(
        target: Target,
        name: &'static str,
        program: &Path,
        arguments: &[String],
        dir: &Path,
        lifeline: Option<&PipeWriter>,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Supervised, Error> {
        let log = dir.join(format!("{name}.log"));
        let pid_file = dir.join(format!("{name}.pid"));
        let log_file = OpenOptions::new().create(true).append(true).open(&log).map_err(Error::io("open the log", &log))?;
        match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &pid_file)(error));
            }
            _ => {}
        }
        let stdout = match lifeline {
            Some(lifeline) => Stdio::from(lifeline.try_clone().map_err(Error::io("share the lifeline of", dir))?),
            None => Stdio::null(),
        };
        let mut command = shell(SCRIPT, name);
        command.arg(target.word()).arg(&pid_file).arg(program).args(arguments).current_dir(dir);
        prepare(&mut command);
        let supervisor =
            command.stdin(Stdio::piped()).stdout(stdout).stderr(log_file).spawn().map_err(Error::io("start", Path::new("sh")))?;
        Ok(Supervised { name, supervisor, log, pid_file })
    }

    /// Whether the program still runs.
    ///
    /// # Errors
    /// [`Error::Ended`] with the end of its log when it does not.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Error::Ended { program: self.name, status: status.to_string(), log_tail: self.log_tail() }),
        }
    }

    /// With which status the program has ended, if it has.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let waited = self.supervisor.try_wait();
        waited.map_err(Error::io("wait for", Path::new(self.name)))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The process id of the program; absent in its first milliseconds.
    pub(crate) fn pid(&self) -> Option<u32> {
        fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of the program's log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_else(|error| format!("(cannot read its log: {error})"))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        wait_at_most(&mut self.supervisor, STOP_DEADLINE);
    }
}

/// A `sh` that runs `script` under the name `name`, in a process group of its own.
pub(crate) fn shell(script: &str, name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(name).process_group(0);
    command
}

/// Waits for a child that was told to end.
///
/// Whatever goes wrong is left alone: the callers are destructors, and the scripts end without us.
pub(crate) fn wait_at_most(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if started.elapsed() < deadline => thread::sleep(POLL),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// The last lines of a file, at most [`LOG_TAIL_LINES`] lines from its last [`LOG_TAIL_BYTES`] bytes.
pub(crate) fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n"))
}

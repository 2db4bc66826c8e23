//! The shell in which the blocks of a document run, one after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use controlplane::Patience;

/// How long a block may stand still.
const DEADLINE: Duration = Duration::from_secs(120);

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads the names of files, each of which it executes with something to read, and says when that is done; it ends at the first error.
const LOOP: &str = r#"
set -euo pipefail
exec 8>&1 9<&0 >"$DOCUMENT_LOG" 2>&1 </dev/null
while IFS= read -r block <&9; do
    . "$block" <"$DOCUMENT_INPUT" 8>&- 9<&-
    echo done >&8
done
"#;

/// A shell that waits for the next block.
pub struct Shell {
    bash: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    log: PathBuf,
}

impl Shell {
    /// Starts it; a block finds `input` at its standard input.
    pub fn start(folder: &Path, input: &Path, log: PathBuf, environment: &[(String, String)]) -> Self {
        let mut bash = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            if [&b"HELM"[..], b"KUBE"].iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix)) {
                bash.env_remove(name);
            }
        }
        bash.args(["-c", LOOP]).current_dir(folder).env("DOCUMENT_LOG", &log).env("DOCUMENT_INPUT", input);
        bash.envs(environment.iter().map(|(name, value)| (name, value)));
        // A group of its own, so that whatever a block leaves behind ends with it.
        bash.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut bash = bash.spawn().unwrap_or_else(|error| panic!("bash, for which the documents are written, cannot be run: {error}"));
        let (orders, stdout) = (bash.stdin.take(), bash.stdout.take().unwrap());
        let (shown, answers) = mpsc::channel();
        std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| shown.send(line)));
        Self { bash, orders, answers, log }
    }

    /// Executes a file; an error is what it said.
    pub fn run(&mut self, file: &Path) -> Result<(), String> {
        let before = self.said().len();
        let sent = writeln!(self.orders.as_mut().unwrap(), "{}", file.display());
        sent.map_err(|error| format!("the shell has ended: {error}"))?;
        let mut patience = Patience::of(DEADLINE, PAUSE);
        loop {
            let said = self.said().split_off(before);
            match self.answers.recv_timeout(PAUSE) {
                Ok(_) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(format!("it failed: {}", self.said().split_off(before))),
                Err(RecvTimeoutError::Timeout) => patience.sees(&said).map_err(|given_up| format!("{given_up}: {said}"))?,
            }
        }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{}", self.bash.id())]).stderr(Stdio::null()).status();
        let _ = self.bash.wait();
    }
}

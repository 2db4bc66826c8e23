//! `kubectl twinconsent`, as a process.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_twinconsent-plugin-of-tests"))
}

/// What a command has answered.
#[derive(Debug)]
pub struct Answer {
    /// The exit code.
    pub code: i32,
    /// What stands on stdout.
    pub stdout: String,
    /// What stands on stderr.
    pub stderr: String,
}

impl Answer {
    fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// The answer of a command that has done it.
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The same, as JSON.
    pub fn json(self) -> Value {
        let text = self.done();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What a command says that has failed with this exit code.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// The plugin, logged in with a kubeconfig and at work in a namespace.
pub struct Plugin {
    kubeconfig: PathBuf,
    namespace: String,
}

impl Plugin {
    /// Logged in with this kubeconfig.
    pub fn new(kubeconfig: &Path, namespace: &str) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), namespace: namespace.to_owned() }
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with(arguments, &[])
    }

    /// The same with these variables.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Answer {
        Answer::of(self.command(arguments).envs(environment.iter().copied()).output().unwrap())
    }

    /// Runs a command. Also returns for how long it kept a processor busy, which is the same on a machine that does much else.
    pub fn run_measured(&self, arguments: &[&str]) -> (Answer, Duration) {
        let plain = self.command(arguments);
        let mut shell = Command::new("sh");
        // The second line of `times` is about what the shell has started: 0m1.25s in the program, 0m0.05s in the kernel for it.
        shell.args(["-c", "\"$@\"; code=$?; times >&2; exit $code", "sh"]).arg(plain.get_program()).args(plain.get_args());
        for (variable, value) in plain.get_envs() {
            match value {
                Some(value) => shell.env(variable, value),
                None => shell.env_remove(variable),
            };
        }
        let mut answer = Answer::of(shell.stdin(Stdio::null()).output().unwrap());
        let (said, times) = answer.stderr.trim_end().rsplit_once('\n').unwrap_or_else(|| panic!("no times: {}", answer.stderr));
        let busy = times.split_whitespace().map(|time| {
            let (minutes, seconds) = time.strip_suffix('s').and_then(|time| time.split_once('m')).unwrap_or_else(|| panic!("{times}"));
            Duration::from_secs(60 * minutes.parse::<u64>().unwrap()) + Duration::from_secs_f64(seconds.parse().unwrap())
        });
        let busy = busy.sum();
        answer.stderr = said.rsplit_once('\n').map_or("", |(said, _)| said).to_owned();
        (answer, busy)
    }

    /// A command that is not run yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        for variable in twinconsent::process::proxies::VARIABLES {
            command.env_remove(variable);
        }
        for variable in ["HEYGEN_API_KEY", "TWINCONSENT_HEYGEN_BASE_URL", "TWINCONSENT_ALLOW_INSECURE_BASE_URL"] {
            command.env_remove(variable);
        }
        if !arguments.iter().any(|argument| ["-A", "--all-namespaces", "-n", "--namespace"].contains(argument)) {
            command.args(["--namespace", &self.namespace]);
        }
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        command
    }
}

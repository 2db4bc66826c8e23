//! What went wrong, what to do next, and the exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use kube::core::Status;

use crate::text::plain;

/// What every help says of [`Exit`], and of where answers stand.
pub const EXIT_CODES: &str = "Exit codes: 0 done, or permitted; 1 an error; 2 wrong usage; 3 refused or stalled; 4 timeout; 5 an audit log that is not as it was written.
The answer stands on stdout, and nothing else does; progress and notes stand on stderr.
Colours appear on a terminal, and nowhere if the variable NO_COLOR is set.";

/// The exit codes. Scripts go by them: they are added to, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done; of `wait`: permitted.
    Done = 0,
    /// An error.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The person has refused, or nothing goes on until a user acts.
    Refused = 3,
    /// The time given is over.
    TimedOut = 4,
    /// An audit log is not as it was written.
    Unsound = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}

/// What went wrong. It says what is the case and, on a line of its own, what to do next; it never holds a link or a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    exit: Exit,
    what: String,
    next: Option<String>,
    is_forbidden: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.next.as_ref().map_or(Ok(()), |next| write!(f, "\n  {next}"))
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error, exit code 1.
    #[must_use]
    pub fn failed(what: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, what: what.into(), next: None, is_forbidden: false }
    }

    /// Arguments that make no sense together, exit code 2.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(what) }
    }

    /// Refused or stalled, exit code 3.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, ..Self::failed(what) }
    }

    /// The time given is over, exit code 4.
    #[must_use]
    pub fn timed_out(what: impl Into<String>) -> Self {
        Self { exit: Exit::TimedOut, ..Self::failed(what) }
    }

    /// An audit log is not as it was written, exit code 5.
    #[must_use]
    pub fn unsound(what: impl Into<String>) -> Self {
        Self { exit: Exit::Unsound, ..Self::failed(what) }
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn then(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// Whether the caller lacks the right, so that a part of it may be allowed.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.is_forbidden
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The answer could not be written.
    pub(crate) fn unwritten(error: &io::Error) -> Self {
        match error.kind() {
            // The reader has seen enough.
            io::ErrorKind::BrokenPipe => Self::failed(""),
            _ => Self::failed(format!("cannot write the answer: {error}")),
        }
    }

    /// There is no such object.
    #[must_use]
    pub fn no_consent(namespace: &str, name: &str) -> Self {
        Self::failed(format!("there is no DigitalTwinConsent {name} in the namespace {namespace}"))
            .then("`kubectl twinconsent list -A` shows those of all namespaces.")
    }

    /// PURE. What the API server, or the way to it, says about an attempt such as `list consents`.
    #[must_use]
    pub fn of(server: &str, attempt: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::answered(attempt, status),
            // What a login command prints may hold a token, so it is not repeated.
            kube::Error::Auth(_) => Self::failed(format!("cannot {attempt}: the login that the kubeconfig names fails"))
                .then("Log in as you do for kubectl: `kubectl auth whoami` says more."),
            other if is_of_the_network(other) => Self::failed(format!("cannot reach the cluster at {server}: {}", innermost(other))).then(
                "Is it the right one? `kubectl config current-context` names it, `kubectl version` tries it; --context chooses another.",
            ),
            other => Self::failed(format!("cannot {attempt}: {}", innermost(other))),
        }
    }

    fn answered(attempt: &str, status: &Status) -> Self {
        let said = plain(status.message.lines().next().unwrap_or_default());
        let names_an_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        match status.code {
            401 => Self::failed(format!("cannot {attempt}: the cluster does not accept the login of the kubeconfig"))
                .then("Log in as you do for kubectl: `kubectl auth whoami` says more."),
            403 => Self { is_forbidden: true, ..Self::failed(format!("cannot {attempt}: {said}")) }
                .then("An administrator of the cluster can grant that: docs/rbac.md names the roles for users that the chart brings."),
            404 if !names_an_object => {
                Self::failed(format!("cannot {attempt}: TwinConsent's definitions are not installed in this cluster"))
                    .then("docs/installing.md shows how; if they should be there, see that --context is the right one.")
            }
            400 | 422 if said.contains("unknown field") => Self::failed(format!("cannot {attempt}: {said}"))
                .then("TwinConsent in this cluster is older than this plugin: upgrade the chart with its definitions, then try again."),
            409 => Self::failed(format!("cannot {attempt}: {said}")).then("Something else has changed the object meanwhile: try again."),
            _ => Self::failed(format!("cannot {attempt}: {said}")),
        }
    }
}

/// PURE. Why something beside the consent is not known, in a few words: that is said, and is no error.
#[must_use]
pub fn unseen(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_not_found() => "does not exist",
        kube::Error::Api(status) if status.is_forbidden() => "not visible to you",
        _ => "cannot be read",
    }
}

fn is_of_the_network(error: &kube::Error) -> bool {
    matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) | kube::Error::HttpError(_))
}

/// The innermost cause, in one line: those around it say "client error (Connect)".
fn innermost(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    plain(cause.to_string().lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn said(code: u16, message: &str, name: &str) -> String {
        let details: StatusDetails = serde_json::from_value(serde_json::json!({ "name": name })).unwrap();
        let status = Status { details: Some(details), ..Status::failure(message, "").with_code(code) };
        Error::of("https://cluster.example", "list consents", &kube::Error::Api(status.boxed())).to_string()
    }

    #[test]
    fn each_trouble_says_what_to_do_next() {
        let cases = [
            (said(401, "Unauthorized", ""), "Log in"),
            (said(403, "User \"ada\" cannot list resource", ""), "docs/rbac.md"),
            (said(404, "404 page not found", ""), "docs/installing.md"),
            (said(400, "strict decoding error: unknown field \"spec.withdrawal\"", "ada"), "upgrade the chart"),
            (said(409, "the object has been modified", "ada"), "try again"),
        ];
        for (text, next) in cases {
            let (what, then) = text.split_once("\n  ").unwrap_or_default();
            assert!(what.starts_with("cannot list consents: ") && then.contains(next), "{text}");
        }
    }

    #[test]
    fn a_cluster_that_cannot_be_reached_is_named() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused");
        let error = Error::of("https://cluster.example", "list consents", &kube::Error::Service(Box::new(refused)));
        assert!(error.to_string().starts_with("cannot reach the cluster at https://cluster.example: Connection refused\n"), "{error}");
        assert_eq!(error.exit(), Exit::Failed);
    }

    #[test]
    fn the_exit_codes_are_those_of_the_help() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Refused, Exit::TimedOut, Exit::Unsound].map(|exit| exit as u8);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
    }
}

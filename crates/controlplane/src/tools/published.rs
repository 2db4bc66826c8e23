//! Pure: which programs the Kubernetes project publishes for tests, which way each missing one comes, and what is said when they
//! cannot be had.

use super::{Program, pinned};

/// What its archives hold, one for each patch of Kubernetes and each platform.
pub(super) const PROGRAMS: [Program; 3] = [Program::Etcd, Program::KubeApiserver, Program::Kubectl];

/// How much of a reason is shown.
const REASON_CHARACTERS: usize = 300;

/// Which way the programs come that are neither in the user's folder nor in the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ways {
    /// Out of Debian's packages.
    pub(super) packaged: Vec<Program>,
    /// Downloaded, as they were published.
    pub(super) published: Vec<Program>,
    /// Built with Go.
    pub(super) built: Vec<Program>,
}

impl Ways {
    /// What is published is built when it may not be downloaded, or could not be.
    pub(super) fn of(missing: &[Program], download: bool) -> Ways {
        let (packaged, others): (Vec<_>, Vec<_>) = missing.iter().copied().partition(|program| !program.debian_packages().is_empty());
        let (published, built) = others.into_iter().partition(|program| download && PROGRAMS.contains(program));
        Ways { packaged, published, built }
    }
}

/// The folder of the cache. Another pin has another one, so that a raised pin brings the newest patch again.
pub(super) fn cache_folder() -> String {
    format!("envtest-{}", pinned::version(Program::KubeApiserver).unwrap_or_default())
}

/// What setup-envtest is asked for: the newest patch of the pinned minor, as not every patch is published.
pub(super) fn selector() -> String {
    newest_patch(pinned::version(Program::KubeApiserver).unwrap_or_default())
}

fn newest_patch(pinned: &str) -> String {
    let minor: Vec<&str> = pinned.trim_start_matches('v').split('.').take(2).collect();
    format!("{}.x", minor.join("."))
}

/// The line for the user: why, and how long what happens now takes.
pub(super) fn instead(programs: &[Program], failure: &str, time: &str) -> String {
    let names: Vec<&str> = programs.iter().map(|program| program.name()).collect();
    format!("{}: not downloaded ({}); built with Go instead, once, which takes {time}", names.join(", "), one_line(failure))
}

/// What setup-envtest said last; on Go's panic, what that was about.
pub(super) fn reason(log: &str) -> String {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let telling = lines.clone().find(|line| line.contains("(exit code ") || line.starts_with("panic: "));
    let line = telling.or_else(|| lines.next_back()).unwrap_or("setup-envtest said nothing");
    line.split(" (exit code ").next().unwrap_or(line).to_owned()
}

/// A text on one line, not too long, and without what addresses may hold: passwords before the host, signatures behind the path.
fn one_line(text: &str) -> String {
    let ends_word = |character: char| character.is_whitespace() || character == '"';
    let shown: String = text.split_inclusive(ends_word).map(|word| without_secrets(word, ends_word)).collect();
    let words: Vec<&str> = shown.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(REASON_CHARACTERS) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

fn without_secrets(word: &str, ends_word: impl Fn(char) -> bool) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    match rest.split_once('?') {
        None => format!("{scheme}://{rest}"),
        Some((path, query)) => {
            format!("{scheme}://{path}?…{}", query.chars().filter(|&character| ends_word(character)).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_downloaded_and_built_only_when_that_may_not_be_or_failed() {
        let missing = [Program::Helm, Program::Kubectl, Program::Runc, Program::KubeApiserverOldest, Program::Etcd];
        let ways = Ways::of(&missing, true);
        assert_eq!(ways.published, [Program::Kubectl, Program::Etcd]);
        assert_eq!(ways.built, [Program::Helm, Program::KubeApiserverOldest]);
        assert_eq!(ways.packaged, [Program::Runc]);

        let ways = Ways::of(&missing, false);
        assert!(ways.published.is_empty(), "{ways:?}");
        assert_eq!(ways.built, [Program::Helm, Program::Kubectl, Program::KubeApiserverOldest, Program::Etcd]);
        assert_eq!(ways.packaged, [Program::Runc]);
    }

    #[test]
    fn the_tool_that_downloads_is_never_downloaded_itself() {
        assert_eq!(Ways::of(&[Program::SetupEnvtest], true).built, [Program::SetupEnvtest]);
    }

    #[test]
    fn any_patch_of_the_pinned_minor_will_do() {
        assert_eq!(newest_patch("v1.37.2"), "1.37.x");
        assert_eq!(newest_patch("v1.40.0"), "1.40.x");
    }

    #[test]
    fn the_reason_is_what_ended_it_and_not_what_was_said_on_the_way() {
        assert_eq!(reason("WARN odd\nunable to list: refused (exit code 2)\n"), "unable to list: refused");
        assert_eq!(reason("panic: index out of range\n\ngoroutine 1 [running]:\nmain.go:90\n"), "panic: index out of range");
        assert_eq!(reason("Killed\n"), "Killed");
        assert_eq!(reason("\n"), "setup-envtest said nothing");
    }

    #[test]
    fn one_line_says_why_and_how_long_it_takes_now_and_no_secret() {
        let failure =
            "Get \"https://ada:s3cret@mirror.example/index?signature=s3cret\": two\n\tlines (https://ada:s3/cr@et@mirror.example/)";
        let line = instead(&PROGRAMS, failure, "about 8 min");
        assert_eq!(
            line,
            "etcd, kube-apiserver, kubectl: not downloaded (Get \"https://mirror.example/index?…\": two lines (https://mirror.example/)); \
             built with Go instead, once, which takes about 8 min"
        );
        let long = instead(&[Program::Kubectl], &"é".repeat(1000), "seconds");
        assert!(long.contains("é…); built with Go instead, once, which takes seconds"), "{long}");
        assert!(long.chars().count() < 400, "{long}");
    }
}

//! Logging: to stderr, as text for people or as JSON for collectors, with UTC times.
//!
//! The filter speaks of our own code. Libraries (kube, hyper, rustls) tell of every connection at `info` and `debug`, so they are held
//! at `warn`, or lower if the filter is, until the filter names them: `info,kube=debug`.
//!
//! What kube's watches warn of at each try, we tell ourselves, once ([`complaints`](crate::process::complaints)).
//!
//! One target is never shown: kube's client logs an answer that it cannot decode as a whole, at `warn`, and an answer may hold links
//! and keys. What went wrong is in the error that it returns.

use std::io::IsTerminal as _;

use anyhow::{Context as _, anyhow};
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line of text; with colours on a terminal.
    Text,
}

/// Targets that are held back, as prefixes.
const NOISY: [&str; 6] = ["kube", "hyper", "rustls", "reqwest", "tower", "h2"];

/// The target under which kube's watches warn of each try that is refused.
const REPEATS_ITSELF: &str = "kube_runtime::watcher";

/// The target under which kube's client logs whole answers of the API server; its requests have a target of their own below this one.
const SHOWS_ANSWERS: &str = "kube_client::client";

/// Starts logging for the whole process; call it once.
///
/// # Errors
///
/// When `filter` is not in `tracing`'s `EnvFilter` syntax, or logging was started before.
pub fn init(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let subscriber = subscriber(format, filter, std::io::stderr, wants_colours()).map_err(|error| anyhow!("--log-filter: {error}"))?;
    subscriber.try_init().context("cannot start logging")
}

fn subscriber<W>(format: LogFormat, filter: &str, writer: W, colours: bool) -> Result<Dispatch, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt().with_env_filter(quieted(filter)?).with_writer(writer);
    let silenced = filter_fn(|metadata| metadata.target() != SHOWS_ANSWERS);
    Ok(match format {
        LogFormat::Json => {
            subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).finish().with(silenced).into()
        }
        LogFormat::Text => subscriber.with_ansi(colours).finish().with(silenced).into(),
    })
}

fn wants_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The filter with the libraries held back. Its own directives come last: for the same target, the last one counts.
fn quieted(filter: &str) -> Result<EnvFilter, ParseError> {
    // Without a bare level, `EnvFilter` shows errors only.
    let general = filter.split(',').filter_map(|part| part.trim().parse::<LevelFilter>().ok()).next_back().unwrap_or(LevelFilter::ERROR);
    let held_back = general.min(LevelFilter::WARN);
    let mut directives: Vec<String> = NOISY.iter().map(|target| format!("{target}={held_back}")).collect();
    if !filter.contains("kube") {
        directives.push(format!("{REPEATS_ITSELF}={}", general.min(LevelFilter::ERROR)));
    }
    directives.push(filter.to_owned());
    EnvFilter::try_new(directives.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn shown(filter: &str) -> Vec<&'static str> {
        let lines = Lines::default();
        let subscriber = subscriber(LogFormat::Text, filter, lines.clone(), false).unwrap();
        tracing::dispatcher::with_default(&subscriber, || {
            tracing::info!(target: "twinconsent::sweep", "ours-info");
            tracing::debug!(target: "twinconsent::sweep", "ours-debug");
            tracing::debug!(target: "kube_client::client::builder", "kube-debug");
            tracing::warn!(target: "kube_client::client", "kube-answer");
            tracing::info!(target: "hyper_util::client", "hyper-info");
            tracing::warn!(target: "kube_runtime::controller", "kube-warn");
            tracing::warn!(target: "kube_runtime::watcher", "watch-warn");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        ["ours-info", "ours-debug", "kube-debug", "kube-answer", "hyper-info", "kube-warn", "watch-warn"]
            .into_iter()
            .filter(|line| text.contains(line))
            .collect()
    }

    #[test]
    fn libraries_are_held_at_warn_until_the_filter_names_them() {
        assert_eq!(shown("info"), ["ours-info", "kube-warn"]);
        assert_eq!(shown("debug"), ["ours-info", "ours-debug", "kube-warn"]);
        assert_eq!(shown("info,kube=debug"), ["ours-info", "kube-debug", "kube-warn", "watch-warn"]);
    }

    #[test]
    fn an_answer_of_the_api_server_is_not_shown_even_at_the_most_talkative_level() {
        assert_eq!(shown("trace"), ["ours-info", "ours-debug", "kube-warn"]);
        assert_eq!(shown("trace,kube=trace"), ["ours-info", "ours-debug", "kube-debug", "kube-warn", "watch-warn"]);
    }

    #[test]
    fn a_stricter_filter_holds_for_libraries_too() {
        assert_eq!(shown("error"), Vec::<&str>::new());
        assert_eq!(shown("off"), Vec::<&str>::new());
        assert_eq!(shown("twinconsent=info"), ["ours-info"]);
    }

    #[test]
    fn json_is_one_object_a_line_with_utc_time_and_the_span() {
        let lines = Lines::default();
        let subscriber = subscriber(LogFormat::Json, "info", lines.clone(), true).unwrap();
        tracing::dispatcher::with_default(&subscriber, || {
            let _span = tracing::info_span!("reconcile", object = "ada").entered();
            tracing::info!(status = 200, "two\nlines");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["status"], &line["span"]["object"]), (&"two\nlines".into(), &200.into(), &"ada".into()));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn a_filter_that_is_none_is_one_line_that_names_the_flag() {
        let error = init(LogFormat::Text, "twinconsent=loud").unwrap_err().to_string();
        assert!(error.starts_with("--log-filter: ") && error.lines().count() == 1, "{error}");
    }
}

//! What is printed: the answer on stdout, everything else on stderr.

use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::Value;

use crate::error::Error;

/// How the answer is written, for commands that have one form besides that for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON, for programs.
    Json,
}

/// Of what is good.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Of what waits.
pub const WAITING: Style = AnsiColor::Yellow.on_default();
/// Of what needs a person.
pub const BAD: Style = AnsiColor::Red.on_default();
/// Of what matters less.
pub const FAINT: Style = Style::new().dimmed();

/// A text in a style; where there is no colour, the style is taken out on the way.
#[must_use]
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The two streams.
pub struct Output {
    stdout: Box<dyn Write + Send>,
    stderr: Box<dyn Write + Send>,
    colours: bool,
    progress: bool,
}

impl Output {
    /// Those of the process: with colours on a terminal, unless `NO_COLOR` is set or the terminal has none.
    #[must_use]
    pub fn standard() -> Self {
        let stdout = AutoStream::auto(io::stdout());
        let colours = stdout.current_choice() != ColorChoice::Never;
        Self { stdout: Box::new(stdout), stderr: Box::new(AutoStream::auto(io::stderr())), colours, progress: io::stderr().is_terminal() }
    }

    /// Writes the answer, which ends with a line break.
    ///
    /// # Errors
    /// When it cannot be written. That the reader has ended, as after `| head`, ends the command without a word.
    pub fn answer(&mut self, text: &str) -> Result<(), Error> {
        let text = text.trim_end_matches('\n');
        let written = if text.is_empty() { Ok(()) } else { writeln!(self.stdout, "{text}") };
        written.and_then(|()| self.stdout.flush()).map_err(|error| Error::unwritten(&error))
    }

    /// Writes the answer as JSON, over several lines.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn json(&mut self, value: &Value) -> Result<(), Error> {
        self.answer(&format!("{value:#}"))
    }

    /// Says something beside the answer: progress, or a note.
    pub fn note(&mut self, text: &str) {
        // Without a reader nothing is lost.
        let _ = writeln!(self.stderr, "{}", text.trim_end_matches('\n'));
    }

    /// Says what went wrong.
    pub fn error(&mut self, error: &Error) {
        let text = error.to_string();
        if !text.is_empty() {
            self.note(&format!("{}: {text}", styled(BAD.bold(), "error")));
        }
    }

    /// Whether colours reach the reader of the answer.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        self.colours
    }

    /// Whether progress can be shown in one line that renews itself: stderr is a terminal.
    #[must_use]
    pub fn renews_lines(&self) -> bool {
        self.progress
    }
}

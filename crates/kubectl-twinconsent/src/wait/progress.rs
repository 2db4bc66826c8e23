//! How far a wait is: one line that renews itself on a terminal, elsewhere a line when something changes.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// How often the line renews itself.
const TICK: Duration = Duration::from_millis(250);

/// What is shown of a wait, on stderr.
pub struct Progress {
    bar: Option<ProgressBar>,
    last: Vec<String>,
}

impl Progress {
    /// Shows nothing yet.
    pub fn new(renews_itself: bool) -> Self {
        let bar = renews_itself.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, last: Vec::new() }
    }

    /// Shows where each object stands; what is as it was is not repeated.
    pub fn show(&mut self, lines: &[String], output: &mut Output) {
        if let Some(bar) = &self.bar {
            bar.set_message(lines.join("; "));
            return;
        }
        for (place, line) in lines.iter().enumerate() {
            if self.last.get(place) != Some(line) {
                output.note(line);
            }
        }
        self.last = lines.to_vec();
    }

    /// Says what does not work at the moment.
    pub fn trouble(&self, text: &str, output: &mut Output) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output.note(text)),
            None => output.note(text),
        }
    }

    /// Takes the line away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

//! A progress line.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes a while: what it is, how it stands, and how long it takes already.
pub struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start(what: &str, on_terminal: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        if !on_terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            return Self(bar);
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Says how it stands.
    pub fn state(&self, state: &str) {
        self.0.set_message(state.to_owned());
    }

    /// Shows how much of it is done, once that is known.
    pub fn advance(&self, done: u64, of: Option<u64>) {
        if let (Some(of), Ok(style)) = (
            of,
            ProgressStyle::with_template("{prefix}: {bar:30} {pos}/{len} {msg} {elapsed}"),
        ) {
            self.0.set_style(style);
            self.0.set_length(of);
        }
        self.0.set_position(done);
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

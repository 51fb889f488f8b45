//! The terminal while `devmesh top` runs: another screen, which is gone afterwards.

use std::io::{Write, stdout};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

use crate::failure::Failure;
use crate::terminal::shown;

/// The screen, until it is dropped.
pub(super) struct Screen {
    shown: String,
}

impl Screen {
    pub(super) fn open() -> Result<Self, Failure> {
        enable_raw_mode()?;
        let screen = Self { shown: String::new() };
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Shows these lines, as far as they fit.
    pub(super) fn draw(&mut self, text: &str) -> Result<(), Failure> {
        self.shown = shown(text).into_owned();
        self.paint()
    }

    fn paint(&self) -> Result<(), Failure> {
        let (columns, rows) = size()?;
        let mut out = stdout().lock();
        queue!(out, MoveTo(0, 0))?;
        for (row, line) in (0..rows.saturating_sub(1)).zip(self.shown.lines()) {
            let line = cut(line, columns.into());
            queue!(
                out,
                MoveTo(0, row),
                Print(line),
                Print("\x1b[0m"),
                Clear(ClearType::UntilNewLine)
            )?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()?;
        Ok(())
    }

    /// Waits for the next look; false when the person has seen enough.
    pub(super) async fn wait(&self, interval: Duration) -> Result<bool, Failure> {
        let end = tokio::time::Instant::now() + interval;
        while tokio::time::Instant::now() < end {
            // Keys wait in the terminal meanwhile; a tenth of a second is not felt.
            tokio::time::sleep(Duration::from_millis(100)).await;
            while poll(Duration::ZERO)? {
                match read()? {
                    Event::Key(key) if is_end(key.code, key.modifiers) => return Ok(false),
                    Event::Resize(..) => self.paint()?,
                    _ => {}
                }
            }
        }
        Ok(true)
    }
}

fn is_end(key: KeyCode, modifiers: KeyModifiers) -> bool {
    let control = modifiers.contains(KeyModifiers::CONTROL);
    matches!(key, KeyCode::Char('q') | KeyCode::Esc) || (control && key == KeyCode::Char('c'))
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = execute!(stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// The line without what is beyond the last column; colours take no room.
fn cut(line: &str, columns: usize) -> String {
    let (mut kept, mut room, mut in_colour) = (String::new(), columns, false);
    for letter in line.chars() {
        match (letter, in_colour) {
            ('\x1b', _) => in_colour = true,
            ('m', true) => in_colour = false,
            (_, true) => {}
            (_, false) if room == 0 => continue,
            (_, false) => room -= 1,
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_last_column_and_keeps_its_colours() {
        assert_eq!(cut("\x1b[31mred\x1b[0m and more", 5), "\x1b[31mred\x1b[0m a");
        assert_eq!(cut("short", 80), "short");
    }
}

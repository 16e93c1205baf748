//! A terminal on which the cursor rests a few columns before the end of the line.
//!
//! When the user interrupts, the terminal itself writes `^C` behind what was drawn last. Where that breaks the line, the cursor is a line
//! lower than whoever clears the drawing believes, and its first line stays on the screen.

use console::Term;
use indicatif::TermLike;
use std::io;

/// Room for an impatient user.
const FREE: usize = "^C^C".len();

/// Standard error, buffered.
#[derive(Debug)]
pub struct Margin(Term);

impl Margin {
    /// On standard error.
    pub fn stderr() -> Margin {
        Margin(Term::buffered_stderr())
    }
}

impl TermLike for Margin {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.0.write_line(s)
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.0.write_str(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        // What was drawn ends at the last column; a line that was cleared has no column before its first.
        self.0.move_cursor_left(FREE)?;
        self.0.flush()
    }
}

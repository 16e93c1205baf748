//! Where views print.

use std::io::Write;

/// Prints text. Once the other end is closed (`refit … | head`), the rest is dropped silently: the run goes on.
pub struct Printer {
    out: Box<dyn Write + Send>,
    broken: bool,
}

impl Printer {
    /// Prints to this.
    pub fn new(out: impl Write + Send + 'static) -> Printer {
        Printer { out: Box::new(out), broken: false }
    }

    /// Prints a line.
    pub fn line(&mut self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    /// Prints text as it is, and flushes it.
    pub fn text(&mut self, text: &str) {
        if !self.broken {
            self.broken = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).is_err();
        }
    }
}

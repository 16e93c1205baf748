//! A file that gets what is shown, too, each piece with its time (`log_path`): in the form of Ansible's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Appends what is printed to a log.
pub struct LogWriter {
    file: File,
    /// Who runs this: process and user, as each record tells it.
    by: String,
}

impl LogWriter {
    /// Appends to this file, which is made where it is not there. `user` is who runs this.
    pub fn open(path: &Path, user: &str) -> io::Result<LogWriter> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(LogWriter { file, by: format!("p={} u={user} n=refit", std::process::id()) })
    }
}

impl Write for LogWriter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(piece);
        if !text.trim().is_empty() {
            let time = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string();
            // One write a record: of several writers none tears another's.
            let record = format!("{time} {} {}| {}\n", self.by, level(text.trim_start()), text.trim_matches('\n'));
            self.file.write_all(record.as_bytes())?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// How bad it is, by how it begins.
fn level(text: &str) -> &'static str {
    if text.starts_with("[ERROR]") || text.starts_with("fatal:") {
        "ERROR"
    } else if text.starts_with("[WARNING]") {
        "WARNING"
    } else {
        "INFO"
    }
}

//! Asks the user at the terminal.

use std::io::{self, Error, ErrorKind};

/// Asks for a secret, which is not shown while it is typed.
pub(super) fn ask(question: &str) -> io::Result<String> {
    let terminal = console::Term::stderr();
    if !console::user_attended_stderr() {
        let why = format!("no terminal to ask for \"{}\" at", question.trim_end_matches([':', ' ']));
        return Err(Error::new(ErrorKind::NotConnected, format!("{why}; give the password by a file")));
    }
    terminal.write_str(question)?;
    terminal.read_secure_line()
}

//! Asks the user at the terminal.

use std::fs::File;
use std::io::{self, Error, ErrorKind, Read, Write};
use zeroize::Zeroizing;

/// Asks for a secret, which is not shown while it is typed. Without a terminal it is a line of standard input.
pub(super) fn ask(question: &str) -> io::Result<String> {
    let terminal = console::Term::stderr();
    if console::user_attended_stderr() && console::user_attended() {
        terminal.write_str(question)?;
        return terminal.read_secure_line();
    }
    match File::options().read(true).write(true).open("/dev/tty") {
        Ok(terminal) => ask_at(&terminal, question),
        Err(_) => line(&mut io::stdin().lock(), question),
    }
}

/// Asks for something that may be seen.
pub(super) fn ask_openly(question: &str) -> io::Result<String> {
    eprint!("{question}");
    line(&mut io::stdin().lock(), question)
}

/// With the echo switched off, whatever happens.
fn ask_at(terminal: &File, question: &str) -> io::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let before = tcgetattr(terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let mut terminal = terminal;
    terminal.write_all(question.as_bytes())?;
    tcsetattr(terminal, OptionalActions::Flush, &silent)?;
    let answer = line(&mut terminal, question);
    tcsetattr(terminal, OptionalActions::Flush, &before)?;
    terminal.write_all(b"\n")?;
    answer
}

/// A line, byte for byte: what follows it is for the next question.
fn line(input: &mut dyn Read, question: &str) -> io::Result<String> {
    let mut line = Zeroizing::new(Vec::with_capacity(128));
    let mut byte = [0];
    loop {
        match input.read(&mut byte)? {
            1 if byte[0] == b'\n' => break,
            1 => line.push(byte[0]),
            _ if line.is_empty() => {
                let question = question.trim_end_matches([':', ' ']);
                let why = format!("nobody answers \"{question}\": no terminal, and nothing on standard input");
                return Err(Error::new(ErrorKind::UnexpectedEof, format!("{why}; give the password by a file")));
            }
            _ => break,
        }
    }
    String::from_utf8(line.to_vec()).map_err(|_| Error::new(ErrorKind::InvalidData, "the answer is not UTF-8 text"))
}

//! Long text on a terminal: by the user's pager.

use std::io::Write;
use std::process::{Command, Stdio};

/// Shows text: by `$REFIT_PAGER`, `$PAGER` or `less` where standard output is a terminal, else plainly.
pub(super) fn show(text: &str) -> anyhow::Result<()> {
    let terminal = console::Term::stdout();
    let fits = text.lines().count() < usize::from(terminal.size().0);
    if !terminal.is_term() || fits || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return super::print(text);
    }
    let chosen = ["REFIT_PAGER", "PAGER"].into_iter().find_map(|name| std::env::var(name).ok());
    let chosen = chosen.unwrap_or_else(|| "less".to_owned());
    let mut words = chosen.split_whitespace();
    let Some(program) = words.next() else { return super::print(text) };
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Colours as they are; no pager for what fits; the text stays on the screen.
        command.env("LESS", "FRX");
    }
    // Without a pager the text is shown all the same.
    let Ok(mut pager) = command.spawn() else { return super::print(text) };
    if let Some(mut input) = pager.stdin.take() {
        // The user may well end the pager before it has read everything.
        let _ = input.write_all(text.as_bytes());
    }
    pager.wait()?;
    Ok(())
}

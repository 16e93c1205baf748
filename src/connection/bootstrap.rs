//! Bringing the agent: the script that a host's `sh` runs at first contact, and what it says.
//!
//! The agent lies in `~/.cache/refit/agent-SHA256` (mode 0700) of the user that it runs as. Where that does not exist
//! or programs may not run there, in the first of `remote_tmp`, `~/.refit`, `/var/tmp/refit-UID`, `/tmp/refit-UID`,
//! `/run/user/UID/refit`, `/dev/shm/refit-UID`, `/run/refit-UID` that is ours alone and lets programs run.
//!
//! The script's lines begin with the token of the conversation: `run PATH` (what follows is the agent's), `need MACHINE
//! PACKING` (it takes the program from its standard input), `fail WHY WORDS`.

use super::programs::Program;
use super::shell::quote;
use super::token::Token;
use super::{LinkError, Target};
use std::sync::Arc;

const SCRIPT: &str = include_str!("bootstrap.sh");

/// The script. `fresh`: bring the program again, whatever lies there.
pub(super) fn script(token: &Token, programs: &[Arc<Program>], target: &Target, fresh: bool) -> String {
    let (first, second) = token.halves();
    let mut machines = String::new();
    for program in programs {
        let Program { machine, sha256, size, gzip, .. } = &**program;
        let also = if machine == "aarch64" { " | arm64" } else { "" };
        machines += &format!("{machine}{also}) machine={machine} hash={sha256} size={size} packed={} ;;\n", gzip.len());
    }
    let directory = match &target.agent_dir {
        // A leading tilde is the user's home, as everywhere.
        Some(directory) => match directory.strip_prefix("~/") {
            Some(rest) => format!("\"${{HOME%/}}\"/{}", quote(rest)),
            None if directory == "~" => "\"$HOME\"".to_owned(),
            None => quote(directory),
        },
        None => String::new(),
    };
    SCRIPT
        .replace("@TOKEN1@", first)
        .replace("@TOKEN2@", second)
        .replace("@MACHINES@", machines.trim_end())
        .replace("@DIRECTORY@", &directory)
        .replace("@FRESH@", if fresh { "1" } else { "0" })
}

/// What a line of the script says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// The other user's program comes next: we are on the way.
    Ask,
    /// The shell is there.
    In,
    /// What follows is the agent's.
    Run,
    /// The script takes the program.
    Need {
        /// For which machine.
        machine: String,
        /// Whether it can unpack gzip.
        gzip: bool,
    },
    /// It gave up.
    Fail(LinkError),
    /// Of a script of another kind.
    Other(String),
}

/// Reads lines that begin with a token, and skips all else.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// More bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next line of ours, without the token.
    pub fn next(&mut self, token: &Token) -> Option<Line> {
        let mark = format!("{} ", token.whole());
        let found = self.0.windows(mark.len()).position(|window| window == mark.as_bytes());
        let Some(from) = found else {
            // A mark may have come in part.
            let keep = self.0.len().min(mark.len() - 1);
            self.0.drain(..self.0.len() - keep);
            return None;
        };
        let start = from + mark.len();
        let length = self.0[start..].iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&self.0[start..start + length]).trim_end().to_owned();
        self.0.drain(..=start + length);
        Some(meaning(&line))
    }

    /// What came behind the last line.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

fn meaning(line: &str) -> Line {
    let mut words = line.splitn(3, ' ');
    let (word, one, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
    match word {
        "ask" => Line::Ask,
        "in" => Line::In,
        "run" => Line::Run,
        "need" => Line::Need { machine: one.to_owned(), gzip: rest == "gzip" },
        "fail" => Line::Fail(LinkError::Agent {
            message: match one {
                "machine" => format!(
                    "this program carries no agent for {rest} machines: build one with `cargo build --profile agent \
                     -p refit-agent --target {rest}-unknown-linux-musl` and build refit where that target is installed"
                ),
                "nowhere" => format!(
                    "no directory takes the agent ({rest}): make room, or name one that lets programs run with \
                     remote_tmp (ansible_remote_tmp)"
                ),
                _ => format!("the agent could not be written on the host: {rest}"),
            },
        }),
        _ => Line::Other(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_start_up_files_print_is_skipped_even_without_a_line_end() {
        let token = Token::new();
        let mut lines = Lines::default();
        let text = format!("welcome\nyour quota: 12%{} run /x\n\0\0frames", token.whole());
        let (first, second) = text.split_at(25);
        lines.add(first.as_bytes());
        assert_eq!(lines.next(&token), None);
        lines.add(second.as_bytes());
        assert_eq!(lines.next(&token), Some(Line::Run));
        assert_eq!(lines.rest(), b"\0\0frames");
    }

    #[test]
    fn an_echo_of_the_script_is_not_taken_for_its_lines() {
        let token = Token::new();
        let target = crate::connection::target::tests::target();
        assert!(!script(&token, &[], &target, false).contains(token.whole()));
    }
}

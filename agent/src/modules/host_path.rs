//! Paths as playbooks write them, made absolute on the host.

use crate::host::{Host, HostResult};
use std::path::{Path, PathBuf};

/// Expands `~`, `~user` and `$VARIABLE` as Ansible does with arguments that are paths, and makes the path absolute
/// (from the agent's working directory, the user's home for a remote host). A final slash is kept.
pub fn absolute(host: &Host<'_>, path: &Path) -> HostResult<PathBuf> {
    let Some(text) = path.to_str() else { return Ok(path.to_owned()) };
    let text = variables(host, text);
    let expanded = match text.strip_prefix('~') {
        None => text,
        Some(rest) => {
            let (user, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let home = if user.is_empty() {
                match host.processes.variable("HOME").filter(|home| !home.is_empty()) {
                    Some(home) => Some(home),
                    None => Some(host.accounts.whoami()?.home.to_string_lossy().into_owned()),
                }
            } else {
                host.accounts.user(user)?.map(|user| user.home.to_string_lossy().into_owned())
            };
            match home {
                Some(home) => format!("{}{below}", home.trim_end_matches('/')),
                // An unknown user: the path is taken as it is written.
                None => text,
            }
        }
    };
    let expanded = PathBuf::from(expanded);
    if expanded.is_absolute() {
        return Ok(expanded);
    }
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    Ok(here.join(expanded))
}

/// Whether a path is written with a final slash: a directory is meant.
pub fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// A path without its final slashes.
pub fn without_slash(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Replaces `$NAME` and `${NAME}`; a variable that is not set stays as it is written.
fn variables(host: &Host<'_>, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, length) = match rest[1..].strip_prefix('{') {
            Some(braced) => match braced.find('}') {
                Some(end) => (&braced[..end], end + 3),
                None => ("", 1),
            },
            None => {
                let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len() - 1);
                (&rest[1..1 + end], end + 1)
            }
        };
        match Some(name).filter(|name| !name.is_empty()).and_then(|name| host.processes.variable(name)) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    out + rest
}

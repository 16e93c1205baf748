//! Paths as playbooks write them, made absolute on the host.

use super::expand::expand;
use crate::host::{Host, HostResult};
use std::path::{Path, PathBuf};

/// Expands `~`, `~user` and `$VARIABLE` as Ansible does with arguments that are paths, and makes the path absolute
/// (from the agent's working directory, the user's home for a remote host). A final slash is kept.
pub fn absolute(host: &Host<'_>, path: &Path) -> HostResult<PathBuf> {
    let Some(text) = path.to_str() else { return Ok(path.to_owned()) };
    let expanded = PathBuf::from(expand(host, text)?);
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

//! Getting what is to be installed into a directory of its own.

use super::requirements::{Origin, Requirement};
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Puts the content into `to`, and comes back with where in it the role or collection begins.
pub fn fetch(requirement: &Requirement, to: &Path) -> anyhow::Result<PathBuf> {
    match &requirement.origin {
        Origin::Git(address, inside) => {
            clone(address, requirement.version.as_deref(), to)?;
            Ok(inside.as_ref().map_or_else(|| to.to_owned(), |inside| to.join(inside)))
        }
        Origin::Path(path) if path.is_dir() => {
            copy(path, to).with_context(|| format!("can't copy {}", path.display()))?;
            Ok(to.to_owned())
        }
        Origin::Path(path) => {
            unpack(path, to).with_context(|| format!("can't unpack {}", path.display()))?;
            Ok(top(to))
        }
    }
}

fn clone(address: &str, version: Option<&str>, to: &Path) -> anyhow::Result<()> {
    // Neither may be taken for an option.
    if address.starts_with('-') || version.is_some_and(|version| version.starts_with('-')) {
        bail!("`{address}` at `{}` is no address of a repository", version.unwrap_or_default());
    }
    let git = |words: &[&str], directory: Option<&Path>| -> anyhow::Result<()> {
        let mut command = Command::new("git");
        command.args(words).stdin(Stdio::null()).env("GIT_TERMINAL_PROMPT", "0");
        if let Some(directory) = directory {
            command.current_dir(directory);
        }
        let output = command.output().context("can't run git: is it installed?")?;
        if output.status.success() {
            return Ok(());
        }
        bail!("git {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim())
    };
    let target = to.to_string_lossy();
    git(&["clone", "--quiet", "--", address, &target], None)?;
    if let Some(version) = version {
        git(&["checkout", "--quiet", version, "--"], Some(to))?;
    }
    std::fs::remove_dir_all(to.join(".git")).context("can't remove the clone's .git")
}

/// Copies a directory; links are copied as links.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            if entry.file_name() != ".git" {
                copy(&entry.path(), &target)?;
            }
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Unpacks a tarball. What would land outside is left out by the library.
fn unpack(path: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    let mut file = File::open(path)?;
    let mut magic = [0; 2];
    let is_gzip = file.read(&mut magic)? == 2 && magic == [0x1f, 0x8b];
    file.rewind()?;
    let input: Box<dyn Read> = if is_gzip { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    let mut archive = tar::Archive::new(input);
    archive.set_preserve_permissions(false);
    archive.unpack(to)?;
    Ok(())
}

/// The one directory that a tarball holds, where that is all.
fn top(directory: &Path) -> PathBuf {
    let entries: Vec<_> = std::fs::read_dir(directory).into_iter().flatten().flatten().collect();
    match entries.as_slice() {
        [one] if one.path().is_dir() => one.path(),
        _ => directory.to_owned(),
    }
}

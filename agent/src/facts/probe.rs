//! Reading a host's files for facts: what is missing or may not be read is simply not known.

use crate::host::Host;
use std::path::Path;

/// A host that facts are read from.
#[derive(Clone, Copy)]
pub(super) struct Probe<'a> {
    pub(super) host: &'a Host<'a>,
}

impl Probe<'_> {
    /// A file's text, without white space at its ends; `None` where it is missing, unreadable or empty.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = self.host.files.read(path.as_ref()).ok()?;
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// A file's number.
    pub(super) fn number<N: std::str::FromStr>(&self, path: impl AsRef<Path>) -> Option<N> {
        self.text(path)?.parse().ok()
    }

    /// The names in a directory; none where there is no such directory.
    pub(super) fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let names = self.host.files.list(path.as_ref()).unwrap_or_default();
        names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Whether something is there (a link's target, where it is a link).
    pub(super) fn exists(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.host.files.stat(path.as_ref(), true), Ok(Some(_)))
    }

    /// Where a link points, as written.
    pub(super) fn link(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = self.host.files.read_link(path.as_ref()).ok()?;
        Some(target.to_string_lossy().into_owned())
    }

    /// The last part of where a link points.
    pub(super) fn link_name(&self, path: impl AsRef<Path>) -> Option<String> {
        self.link(path)?.rsplit('/').next().map(str::to_owned)
    }
}

//! Why an effect on the host could not be had.

use crate::outcome::{Failure, Stop};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An effect that failed, or that a dry run can't foresee.
#[derive(Debug)]
pub enum HostError {
    /// The operating system refused.
    Io {
        /// What was tried, as a verb phrase: "read", "create directory".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// It failed in another way.
    Other {
        /// What failed and what to do about it.
        message: String,
    },
    /// It is a dry run, and this is known only when it runs.
    Unknown {
        /// Why.
        why: String,
    },
    /// The controller cancelled the request, or its deadline passed.
    Cancelled {
        /// Which of the two.
        why: String,
    },
}

/// What a facet's functions return.
pub type HostResult<T> = Result<T, HostError>;

impl HostError {
    /// For `map_err`: names the deed and the path.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HostError {
        let path = path.to_owned();
        move |source| HostError::Io { doing, path, source }
    }

    /// A failure that is a message only.
    pub fn other(message: impl Into<String>) -> HostError {
        HostError::Other { message: message.into() }
    }

    /// A user or a group that must be there is not.
    pub fn no_such(what: &str, name: &str) -> HostError {
        HostError::other(format!("there is no {what} `{name}` on this host"))
    }

    /// Whether the operating system said that something is at the path already.
    pub fn is_already_there(&self) -> bool {
        matches!(self, HostError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }

    /// Whether the operating system said that the path does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, HostError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::Io { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
            HostError::Other { message } => f.write_str(message),
            HostError::Unknown { why } => write!(f, "known only when it runs: {why}"),
            HostError::Cancelled { why } => write!(f, "cancelled: {why}"),
        }
    }
}

impl std::error::Error for HostError {}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Stop {
        match error {
            HostError::Unknown { why } => Stop::Unknown { why },
            HostError::Cancelled { why } => Stop::Cancelled { why },
            failed => Stop::Failed(Failure::new(failed.to_string())),
        }
    }
}

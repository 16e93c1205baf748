//! Options that make no sense together, or name what is not there.

/// What is wrong with them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misused(pub String);

impl Misused {
    /// As an error of a command.
    pub fn because<T>(why: impl Into<String>) -> anyhow::Result<T> {
        Err(Misused(why.into()).into())
    }
}

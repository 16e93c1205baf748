//! Places in files.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as the user would write it.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A place in a file. Cheap to clone; every [`Source`](crate::loader::Source) has one.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// First byte.
    pub start: u32,
    /// Byte after the last one.
    pub end: u32,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte in characters, from 1.
    pub column: u32,
}

impl Span {
    /// A place for what no file holds: the command line, an environment variable, a generated inventory.
    pub fn nowhere(what: &str) -> Span {
        let file = Arc::new(SourceFile { path: PathBuf::from(what), text: String::new() });
        Span { file, start: 0, end: 0, line: 0, column: 0 }
    }

    /// `path:line:column`, or what [`Span::nowhere`] was told.
    pub fn place(&self) -> String {
        let path = self.file.path.display();
        if self.line == 0 { path.to_string() } else { format!("{path}:{}:{}", self.line, self.column) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

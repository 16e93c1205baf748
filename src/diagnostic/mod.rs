//! Places in files, and what is wrong there.

mod message;
mod render;
mod span;

pub use message::{Diagnostic, Diagnostics, Severity, did_you_mean, is_misspelt};
pub use render::render;
pub use span::{SourceFile, Span};

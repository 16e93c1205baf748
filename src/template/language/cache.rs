//! Compiled programs by their text: each is compiled once in a run.

use super::lower;
use super::program::Program;
use crate::template::fault::{Fault, Outcome};
use minijinja::syntax::SyntaxConfig;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How a template's text is read: what the template module's options and the `#jinja2:` line set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Syntax {
    /// What starts and ends a block.
    pub block: (String, String),
    /// What starts and ends a variable.
    pub variable: (String, String),
    /// What starts and ends a comment.
    pub comment: (String, String),
    /// What starts a line that is a statement.
    pub line_statement_prefix: Option<String>,
    /// What starts a comment that ends with its line.
    pub line_comment_prefix: Option<String>,
    /// Drop the newline after a block's end.
    pub trim_blocks: bool,
    /// Drop the white space before a block on its line.
    pub lstrip_blocks: bool,
    /// Keep the text's last newline.
    pub keep_trailing_newline: bool,
}

impl Default for Syntax {
    /// Ansible's: Jinja2's marks, the newline after a block's end removed, the text's last newline kept.
    fn default() -> Syntax {
        let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
        Syntax {
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
            line_statement_prefix: None,
            line_comment_prefix: None,
            trim_blocks: true,
            lstrip_blocks: false,
            keep_trailing_newline: true,
        }
    }
}

impl Syntax {
    /// Whether a text may have a template in it.
    pub fn marks(&self, text: &str) -> bool {
        text.contains(&self.variable.0)
            || text.contains(&self.block.0)
            || text.contains(&self.comment.0)
            || self.line_statement_prefix.as_ref().is_some_and(|prefix| text.contains(prefix))
            || self.line_comment_prefix.as_ref().is_some_and(|prefix| text.contains(prefix))
    }

    fn config(&self) -> Outcome<SyntaxConfig> {
        let mut builder = SyntaxConfig::builder();
        builder
            .block_delimiters(self.block.0.clone(), self.block.1.clone())
            .variable_delimiters(self.variable.0.clone(), self.variable.1.clone())
            .comment_delimiters(self.comment.0.clone(), self.comment.1.clone())
            .trim_blocks(self.trim_blocks)
            .lstrip_blocks(self.lstrip_blocks)
            .keep_trailing_newline(self.keep_trailing_newline);
        if let Some(prefix) = &self.line_statement_prefix {
            builder.line_statement_prefix(prefix.clone());
        }
        if let Some(prefix) = &self.line_comment_prefix {
            builder.line_comment_prefix(prefix.clone());
        }
        builder.build().map_err(|error| Fault::failed(format!("the template's marks can't be used: {error}")))
    }
}

/// A text that was compiled, or why it could not be.
type Compiled = Result<Arc<Program>, Box<Fault>>;

/// A file's text and the marks that it is read with.
type FileKey = (Arc<str>, Syntax);

/// All programs of a run.
#[derive(Debug, Default)]
pub struct Programs {
    expressions: RwLock<HashMap<Arc<str>, Compiled>>,
    templates: RwLock<HashMap<Arc<str>, Compiled>>,
    files: RwLock<HashMap<FileKey, Arc<Program>>>,
    syntax: Syntax,
}

impl Programs {
    /// An expression: a condition, what stands in `{{ }}`.
    pub fn expression(&self, text: &Arc<str>) -> Outcome<Arc<Program>> {
        let known = self.expressions.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        known.unwrap_or_else(|| {
            let program = lower::expression(text).map(Arc::new);
            let mut all = self.expressions.write().unwrap_or_else(PoisonError::into_inner);
            all.entry(text.clone()).or_insert(program).clone()
        })
    }

    /// Text with templates in it.
    pub fn template(&self, text: &Arc<str>) -> Outcome<Arc<Program>> {
        let known = self.templates.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        known.unwrap_or_else(|| {
            let program = self
                .syntax
                .config()
                .and_then(|config| lower::template(&Arc::from(""), text, &config, true))
                .map(Arc::new);
            let mut all = self.templates.write().unwrap_or_else(PoisonError::into_inner);
            all.entry(text.clone()).or_insert(program).clone()
        })
    }

    /// A template file's text.
    pub fn file(&self, name: &Arc<str>, text: &Arc<str>, syntax: &Syntax) -> Outcome<Arc<Program>> {
        let key = (text.clone(), syntax.clone());
        let known = self.files.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(program) = known.filter(|program| program.name == *name) {
            return Ok(program);
        }
        let program = Arc::new(lower::template(name, text, &syntax.config()?, false)?);
        self.files.write().unwrap_or_else(PoisonError::into_inner).insert(key, program.clone());
        Ok(program)
    }
}

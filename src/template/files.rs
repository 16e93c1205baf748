//! Template files: the template module's options, the `#jinja2:` line, and the templates that templates include.

use super::contract::TemplateError;
use super::fault::{Fault, Outcome, fail};
use super::holes::Holes;
use super::language::{Program, Syntax};
use super::machine::{Machine, Output};
use super::place::Place;
use super::scope::Scope;
use crate::diagnostic::SourceFile;
use minijinja::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// A template that is ready, with its place.
pub type Loaded = (Arc<Program>, Place);

/// How a template file is rendered: the arguments of the template module. The file's `#jinja2:` line goes before them.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// How the text is read.
    pub syntax: Syntax,
    /// What ends a line in the output: `\n`, `\r` or `\r\n`.
    pub newline_sequence: String,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions { syntax: Syntax::default(), newline_sequence: "\n".to_owned() }
    }
}

/// Included files as read last.
#[derive(Debug, Default)]
pub struct Files(RwLock<HashMap<PathBuf, Dated>>);

/// A file, and when it was written last.
type Dated = (Option<SystemTime>, Arc<SourceFile>);

impl Files {
    fn read(&self, path: &Path) -> std::io::Result<Arc<SourceFile>> {
        let modified = std::fs::metadata(path)?.modified().ok();
        if let Some((known, file)) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(path)
            && *known == modified
            && modified.is_some()
        {
            return Ok(file.clone());
        }
        let bytes = std::fs::read(path)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "the file is not UTF-8 text"))?;
        let file = Arc::new(SourceFile { path: path.to_owned(), text });
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), (modified, file.clone()));
        Ok(file)
    }
}

/// What the first line may set.
const HEADER: &str = "#jinja2:";

/// Splits the `#jinja2: key: value, …` line off, and applies it.
pub(super) fn header(text: &str, syntax: &mut Syntax) -> Outcome<(usize, Option<String>)> {
    let Some(rest) = text.strip_prefix(HEADER) else { return Ok((0, None)) };
    let line = rest.lines().next().unwrap_or("");
    let skipped = rest.find('\n').map_or(text.len(), |newline| HEADER.len() + newline + 1);
    let mut newline_sequence = None;
    for pair in split_pairs(line) {
        let Some((key, value)) = pair.split_once(':') else {
            return fail(format!("the `#jinja2:` line has '{}', which is not `key: value`", pair.trim()));
        };
        let (key, value) = (key.trim(), value.trim());
        let text = || unquoted(value);
        let flag = || match value {
            "True" | "true" => Ok(true),
            "False" | "false" => Ok(false),
            _ => fail(format!("the `#jinja2:` line sets '{key}' to {value}, which is neither True nor False")),
        };
        match key {
            "trim_blocks" => syntax.trim_blocks = flag()?,
            "lstrip_blocks" => syntax.lstrip_blocks = flag()?,
            "keep_trailing_newline" => syntax.keep_trailing_newline = flag()?,
            "variable_start_string" => syntax.variable.0 = text(),
            "variable_end_string" => syntax.variable.1 = text(),
            "block_start_string" => syntax.block.0 = text(),
            "block_end_string" => syntax.block.1 = text(),
            "comment_start_string" => syntax.comment.0 = text(),
            "comment_end_string" => syntax.comment.1 = text(),
            "line_statement_prefix" => syntax.line_statement_prefix = Some(text()).filter(|_| value != "None"),
            "line_comment_prefix" => syntax.line_comment_prefix = Some(text()).filter(|_| value != "None"),
            "newline_sequence" => newline_sequence = Some(text()),
            _ => {
                let known = [
                    "trim_blocks",
                    "lstrip_blocks",
                    "keep_trailing_newline",
                    "variable_start_string",
                    "variable_end_string",
                    "block_start_string",
                    "block_end_string",
                    "comment_start_string",
                    "comment_end_string",
                    "line_statement_prefix",
                    "line_comment_prefix",
                    "newline_sequence",
                ];
                let fault = Fault::failed(format!("the `#jinja2:` line sets '{key}', which is no option"));
                return Err(match crate::diagnostic::did_you_mean(key, known) {
                    Some(hint) => fault.hint(hint),
                    None => fault,
                });
            }
        }
    }
    Ok((skipped, newline_sequence))
}

/// Splits at commas outside quotes.
fn split_pairs(line: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, char) in line.char_indices() {
        match (quote, char) {
            (None, '\'' | '"') => quote = Some(char),
            (Some(open), char) if open == char => quote = None,
            (None, ',') => {
                parts.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn unquoted(value: &str) -> String {
    let inner = ['\'', '"'].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(value).replace("\\n", "\n").replace("\\r", "\r")
}

impl Scope {
    /// A template file's text.
    pub fn file(&self, file: &Arc<SourceFile>, options: &FileOptions) -> Result<String, TemplateError> {
        self.file_with_holes(file, options, None)
    }

    /// The same with marks where it is not known what will stand there.
    pub fn file_with_holes(
        &self,
        file: &Arc<SourceFile>,
        options: &FileOptions,
        holes: Option<&Holes>,
    ) -> Result<String, TemplateError> {
        let made = self.rendered_file(file, options, holes, |value| {
            let mut output = Output::default();
            output.value(value)?;
            output.into_text().map(Value::from)
        })?;
        Ok(made.as_str().unwrap_or_default().to_owned())
    }

    /// What a template file makes: a value where it makes one thing, as `lookup('template')` gives it.
    pub(super) fn file_value(&self, file: &Arc<SourceFile>, options: &FileOptions) -> Result<Value, TemplateError> {
        self.rendered_file(file, options, None, |value| self.whole(&value))
    }

    fn rendered_file(
        &self,
        file: &Arc<SourceFile>,
        options: &FileOptions,
        holes: Option<&Holes>,
        finish: impl FnOnce(Value) -> Outcome<Value>,
    ) -> Result<Value, TemplateError> {
        let place = Place::file(file, 0);
        let mut syntax = options.syntax.clone();
        let (skipped, newlines) = header(&file.text, &mut syntax).map_err(|fault| place.error(&file.text, *fault))?;
        let newlines = newlines.as_deref().unwrap_or(&options.newline_sequence);
        let place = Place::file(file, skipped);
        let text = normalized(&file.text[skipped..]);
        let (text, newlines_at_end) = super::scope::without_last_newline(&text);
        let outcome = self.templater().programs.file(&name_of(file), &text, &syntax).and_then(|program| {
            let mut machine = Machine::new(self, program, place.clone()).with_holes(holes);
            finish(machine.run().map_err(Place::passed_on)?)
        });
        let made = outcome.map_err(|fault| self.explained(place.error(&text, *fault)))?;
        let made = super::scope::with_newlines(made, newlines_at_end);
        Ok(match made.as_str() {
            Some(text) if newlines != "\n" => Value::from(text.replace('\n', newlines)),
            _ => made,
        })
    }

    /// Finds a template that another one names: beside it, then in the search path.
    pub(super) fn load_template(
        &self,
        name: &str,
        from: &Place,
        looked_at: &mut Vec<String>,
    ) -> Outcome<Option<Loaded>> {
        let mut candidates: Vec<PathBuf> = Vec::new();
        if Path::new(name).is_absolute() {
            candidates.push(PathBuf::from(name));
        } else {
            candidates.extend(from.template_path().and_then(Path::parent).map(|folder| folder.join(name)));
            for folder in &self.surroundings().search_path {
                candidates.push(folder.join("templates").join(name));
                candidates.push(folder.join(name));
            }
            candidates.push(self.surroundings().playbook_dir.join("templates").join(name));
            candidates.push(self.surroundings().playbook_dir.join(name));
        }
        for candidate in candidates {
            let shown = candidate.display().to_string();
            if looked_at.contains(&shown) {
                continue;
            }
            match self.templater().files.read(&candidate) {
                Ok(file) => {
                    self.templater().vault.has_read(&candidate);
                    let place = Place::file(&file, 0);
                    let text: Arc<str> = normalized(&file.text).into();
                    let included = Syntax { keep_trailing_newline: false, ..Syntax::default() };
                    let program = self.templater().programs.file(&name_of(&file), &text, &included);
                    let program = program.map_err(|fault| Place::passed_on(place.error(&text, *fault)))?;
                    return Ok(Some((program, place)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => looked_at.push(shown),
                Err(error) => return fail(format!("the template {shown} can't be read: {error}")),
            }
        }
        Ok(None)
    }
}

fn name_of(file: &SourceFile) -> Arc<str> {
    Arc::from(file.path.display().to_string())
}

/// Jinja2 reads all line ends as `\n`.
pub(super) fn normalized(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

//! Where a template stands, so that a byte in it can be shown in its file.

use super::contract::TemplateError;
use super::fault::Fault;
use super::language::At;
use super::python::kind::{Kind, kind};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use std::sync::Arc;

/// A template's place: that of the YAML scalar which holds it, or the whole of a template file.
#[derive(Clone, Debug)]
pub struct Place {
    span: Span,
    /// Of a template file: how many of its bytes stand before the template (the `#jinja2:` line).
    file_offset: Option<u32>,
}

impl Place {
    /// A scalar's.
    pub fn scalar(span: &Span) -> Place {
        Place { span: span.clone(), file_offset: None }
    }

    /// A template file's.
    pub fn file(file: &Arc<crate::diagnostic::SourceFile>, skipped: usize) -> Place {
        let end = u32::try_from(file.text.len()).unwrap_or(u32::MAX);
        let span = Span { file: file.clone(), start: 0, end, line: 1, column: 1 };
        Place { span, file_offset: Some(u32::try_from(skipped).unwrap_or(0)) }
    }

    /// The path of the template's file, where it is a template file's.
    pub fn template_path(&self) -> Option<&std::path::Path> {
        self.file_offset.map(|_| self.span.file.path.as_path())
    }

    /// A part of the template in its file; the whole scalar where the part can't be found.
    pub fn span(&self, text: &str, at: Option<At>) -> Span {
        let file = &self.span.file.text;
        let Some(at) = at else { return self.span.clone() };
        let start = match self.file_offset {
            Some(offset) => Some((at.0 + offset) as usize),
            None => self.find(text, at.0 as usize),
        };
        let Some(start) = start.filter(|start| *start <= file.len() && file.is_char_boundary(*start)) else {
            return self.span.clone();
        };
        let length = at.1.saturating_sub(at.0) as usize;
        let before = &file[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Span {
            file: self.span.file.clone(),
            start: start as u32,
            end: (start + length).min(file.len()) as u32,
            line: before.matches('\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
        }
    }

    /// Where a byte of the scalar's text stands in the file: escapes and folding move things, so the line of the text is
    /// looked for among the scalar's lines.
    fn find(&self, text: &str, at: usize) -> Option<usize> {
        let (from, to) = (self.span.start as usize, self.span.end as usize);
        let raw = self.span.file.text.get(from..to.max(from))?;
        if let Some(found) = raw.find(text) {
            return Some(from + found + at);
        }
        let line_start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next()?;
        // An equal line further up is another one: skip as many as there are in the text.
        let earlier = text[..line_start].lines().filter(|other| *other == line).count();
        let (found, _) = raw.match_indices(line).nth(earlier)?;
        Some(from + found + at - line_start)
    }

    /// The fault as an error with places.
    pub fn error(&self, text: &str, fault: Fault) -> TemplateError {
        if let Some(mut error) = fault.origin {
            let here = self.span(text, fault.used_at);
            note(&mut error.diagnostic, &here, "used here");
            return *error;
        }
        let (span, elsewhere) = match &fault.home {
            Some((place, home_text)) => {
                let same = place.span == self.span && **home_text == *text;
                (place.span(home_text, fault.at), !same)
            }
            None => (self.span(text, fault.at), false),
        };
        let mut diagnostic = Diagnostic::error(&span, fault.message);
        diagnostic.hints = fault.hints;
        if let Some((key, object)) = fault.missing
            && matches!(kind(&object), Kind::Map)
        {
            let names: Vec<_> = object.try_iter().map(Iterator::collect).unwrap_or_default();
            diagnostic
                .hints
                .extend(did_you_mean(&key, names.iter().filter_map(|name: &minijinja::Value| name.as_str())));
        }
        if elsewhere {
            note(&mut diagnostic, &self.span(text, fault.used_at), "used here");
        }
        TemplateError { kind: fault.kind, diagnostic: Box::new(diagnostic) }
    }

    /// A finished error as a fault of the template that used what failed.
    pub fn passed_on(error: TemplateError) -> Box<Fault> {
        let mut fault = Fault::new(error.kind.clone(), error.diagnostic.message.clone());
        fault.origin = Some(Box::new(error));
        fault
    }
}

/// Adds a place on the way, once; the whole around a place that is told says nothing new.
fn note(diagnostic: &mut Diagnostic, span: &Span, label: &str) {
    let holds = |other: &Span| span.file.path == other.file.path && span.start <= other.start && other.end <= span.end;
    let known = diagnostic.span.iter().chain(diagnostic.related.iter().map(|(other, _)| other)).any(holds);
    if !known {
        diagnostic.related.push((span.clone(), label.to_owned()));
    }
}

//! Extra vars: `k=v` words, JSON or YAML, or `@file`.

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::loader::{Source, key_values, load_file, load_text};
use crate::vars::{Bindings, bindings};
use crate::vault::Vault;
use std::path::Path;

/// Reads what `-e` was given, in order: later ones win.
pub fn read(given: &[String], vault: &Vault) -> Result<Bindings, Diagnostics> {
    let mut all = Bindings::new();
    for text in given {
        let text = text.trim();
        let source = if let Some(path) = text.strip_prefix('@') {
            load_file(Path::new(path), vault)?.source
        } else if text.starts_with(['{', '[', '/', '.']) {
            load_text(Path::new("--extra-vars"), text.to_owned())?.source
        } else {
            words(text)?
        };
        if source.is_null() {
            continue;
        }
        if source.as_map().is_none() {
            let message = format!("extra vars are a mapping, this is {}", source.describe());
            return Err(Diagnostic::error(&source.span, message).hint("write k=v, JSON, YAML or @file").into());
        }
        all.extend(bindings(&source));
    }
    Ok(all)
}

fn words(text: &str) -> Result<Source, Diagnostics> {
    let span = Span::nowhere("--extra-vars");
    let (rest, entries) = key_values(text, &span, false)?;
    if let Some(rest) = rest {
        let message = format!("`{}` is no k=v word", rest.as_str().unwrap_or_default());
        return Err(Diagnostic::plain(message).hint("write k=v, JSON, YAML or @file").into());
    }
    Ok(Source { span, node: crate::loader::Node::Map(entries.into()) })
}

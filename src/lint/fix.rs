//! Mends that do not change what the runner does.

use super::finding::{Finding, Fix};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Writes the mends of the findings into their files. The findings that were mended are taken out; comes back with the files that
/// were changed.
pub fn apply(findings: &mut Vec<Finding>) -> io::Result<Vec<PathBuf>> {
    let mut by_file: BTreeMap<PathBuf, Vec<Fix>> = BTreeMap::new();
    for fix in findings.iter().filter_map(|finding| finding.fix.as_ref()) {
        by_file.entry(fix.span.file.path.clone()).or_default().push(fix.clone());
    }
    let mut changed = Vec::new();
    for (path, mut fixes) in by_file {
        fixes.sort_by_key(|fix| fix.span.start);
        // Of two that meet the first is made; the next run finds the other.
        fixes.dedup_by(|later, earlier| later.span.start < earlier.span.end);
        let Some(file) = fixes.first().map(|fix| fix.span.file.clone()) else { continue };
        // It may have been changed since it was read.
        if std::fs::read_to_string(&path)? != file.text {
            continue;
        }
        let mut text = file.text.clone();
        for fix in fixes.iter().rev() {
            text.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.text);
        }
        replace(&path, &text)?;
        findings.retain(|finding| finding.fix.as_ref().is_none_or(|fix| !fixes.contains(fix)));
        changed.push(path);
    }
    Ok(changed)
}

/// Writes a file whole or not at all, with the mode that it had.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mode = std::fs::metadata(&path)?.permissions().mode();
    let mut beside = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    beside.persist(&path).map(drop).map_err(|error| error.error)
}

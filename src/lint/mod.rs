//! `refit lint`: what is wrong with everything below a path, without hosts. Each file is read once, by itself, as the runner
//! would read it; then what the files say of each other is compared: variables, handlers, tags.
//!
//! ```text
//! discover ── what each file is ──> file ── problems, and what it defines and uses ──> project ──> Report
//!                                    ├── expressions: every template and condition
//!                                    └── traps: YAML that does not mean what it looks like
//! ```

mod discover;
mod expressions;
mod file;
mod finding;
mod fix;
mod names;
mod output;
mod project;
mod tags;
mod traps;

pub use finding::{Finding, Fix, Rule};
pub use fix::apply;
pub use output::{github, json, sarif};

use crate::config::Settings;
use crate::diagnostic::Severity;
use crate::playbook::Parser;
use crate::template::Surveyor;
use crate::vault::Vault;
use discover::Found;
use indexmap::IndexSet;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// By file and line.
    pub findings: Vec<Finding>,
    /// How many files were read.
    pub files: usize,
}

impl Report {
    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.diagnostic.severity == severity).count()
    }
}

/// Looks at everything below these paths.
pub fn lint(paths: &[PathBuf], settings: &Settings, vault: Arc<Vault>) -> std::io::Result<Report> {
    let mut files = Vec::new();
    for path in paths {
        discover::below(path, &mut files)?;
    }
    // A role that is anywhere below is there for all: which directories a run would look in depends on where it is started.
    let mut roles_path = settings.roles_path.value.clone();
    for parent in files.iter().filter_map(|file| file.role.as_deref()?.parent()) {
        if !roles_path.iter().any(|known| known == parent) {
            roles_path.push(parent.to_owned());
        }
    }
    let ground = Ground {
        parser: Parser::new(roles_path, vault.clone()),
        surveyor: Surveyor::default(),
        roots: paths.to_vec(),
        vault,
    };
    let read: Vec<file::Read> = files.par_iter().filter_map(|found| file::read(found, &ground)).collect();
    let neighbours = neighbours(&files, &read, &ground)?;
    let mut report = Report { findings: Vec::new(), files: read.len() };
    report.findings.extend(project::compare(&read, &neighbours));
    report.findings.extend(read.into_iter().flat_map(|file| file.findings));
    report.findings.sort_by(|a, b| a.key().cmp(&b.key()));
    report.findings.dedup_by(|a, b| a.key() == b.key());
    Ok(report)
}

/// The roles that these files bring in and that are not among them, and what those bring in: a role alone stands on what they define.
fn neighbours(files: &[Found], read: &[file::Read], ground: &Ground) -> std::io::Result<Vec<file::Read>> {
    let beside = files.iter().filter_map(|found| Some(found.path.parent()?.join("roles")));
    let directories: IndexSet<PathBuf> = ground.parser.roles_path.iter().cloned().chain(beside).collect();
    let mut seen: HashSet<PathBuf> = files.iter().filter_map(|found| found.role.clone()).collect();
    let mut wanted: Vec<Arc<str>> = read.iter().flat_map(|file| file.names.roles.iter().cloned()).collect();
    let mut neighbours = Vec::new();
    while let Some(name) = wanted.pop() {
        let Some(role) = directories.iter().map(|parent| parent.join(&*name)).find(|role| role.is_dir()) else {
            continue;
        };
        if !seen.insert(role.clone()) {
            continue;
        }
        let mut found = Vec::new();
        discover::below(&role, &mut found)?;
        let more: Vec<file::Read> = found.par_iter().filter_map(|found| file::read(found, ground)).collect();
        wanted.extend(more.iter().flat_map(|file| file.names.roles.iter().cloned()));
        neighbours.extend(more);
    }
    Ok(neighbours)
}

/// What every file is looked at with.
struct Ground {
    parser: Parser,
    surveyor: Surveyor,
    roots: Vec<PathBuf>,
    vault: Arc<Vault>,
}

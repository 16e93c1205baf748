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
use rayon::prelude::*;
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
    let mut report = Report { findings: Vec::new(), files: read.len() };
    report.findings.extend(project::compare(&read));
    report.findings.extend(read.into_iter().flat_map(|file| file.findings));
    report.findings.sort_by(|a, b| a.key().cmp(&b.key()));
    report.findings.dedup_by(|a, b| a.key() == b.key());
    Ok(report)
}

/// What every file is looked at with.
struct Ground {
    parser: Parser,
    surveyor: Surveyor,
    roots: Vec<PathBuf>,
    vault: Arc<Vault>,
}

//! `refit lint`: what is wrong with playbooks, roles, inventories and templates, without hosts.

use super::args::{LintArgs, LintFormat};
use super::ground::{refuse, warn};
use super::{print, vault};
use crate::config::{Environment, Settings};
use crate::diagnostic::{Diagnostic, Severity, render};
use crate::lint;
use crate::vault::Purpose;
use anyhow::Context;
use std::sync::Arc;

/// The exit code where something is found that would fail.
const FOUND: u8 = 2;

/// Looks at what was asked for. The exit code.
pub(super) fn lint(args: &LintArgs) -> anyhow::Result<u8> {
    let environment = Environment::of_process().context("can't read the environment")?;
    let settings = match Settings::load(&environment) {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    warn(&settings.warnings);
    let vault = Arc::new(vault::gather(&settings, &vault::Named::by(&args.secrets), Purpose::Open, false)?);
    let mut report = lint::lint(&args.paths, &settings, vault).context("can't read what is to be looked at")?;
    if args.fix {
        for path in lint::apply(&mut report.findings).context("can't write a mended file")? {
            eprintln!("mended {}", path.display());
        }
    }
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    match args.format {
        LintFormat::Human => {
            let shown: Vec<Diagnostic> = report.findings.iter().map(named).collect();
            let mut text = render(&shown, console::colors_enabled());
            if shown.is_empty() {
                text = format!("{} files, nothing found\n", report.files);
            }
            print(&text)?;
        }
        LintFormat::Json => print(&(serde_json::to_string_pretty(&lint::json(&report))? + "\n"))?,
        LintFormat::Sarif => print(&(serde_json::to_string_pretty(&lint::sarif(&report))? + "\n"))?,
        LintFormat::Github => print(&lint::github(&report))?,
    }
    Ok(if errors > 0 || args.strict && warnings > 0 { FOUND } else { 0 })
}

/// With the rule's name behind the message.
fn named(finding: &lint::Finding) -> Diagnostic {
    let message = format!("{} [{}]", finding.diagnostic.message, finding.rule.name());
    let mut shown = Diagnostic { message, ..finding.diagnostic.clone() };
    if finding.fix.is_some() {
        shown = shown.hint("`--fix` mends it");
    }
    shown
}

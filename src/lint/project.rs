//! What files say of each other: variables that nothing defines, handlers that there are not, tags that can't be reached.

use super::file::Read;
use super::finding::{Finding, Rule};
use super::names::Brings;
use crate::diagnostic::{Diagnostic, did_you_mean};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compares all files. Nothing is told of the neighbours, but what they define is there.
pub fn compare(files: &[Read], neighbours: &[Read]) -> Vec<Finding> {
    let mut findings = Vec::new();
    variables(files, neighbours, &mut findings);
    handlers(files, neighbours, &mut findings);
    tags(files, &mut findings);
    findings
}

/// Variables that are there without anybody setting them.
fn is_given(name: &str) -> bool {
    // Facts, connection variables and the engine's own.
    name.starts_with("ansible_")
        || matches!(
            name,
            "inventory_hostname"
                | "inventory_hostname_short"
                | "inventory_dir"
                | "inventory_file"
                | "groups"
                | "group_names"
                | "hostvars"
                | "play_hosts"
                | "playbook_dir"
                | "role_name"
                | "role_names"
                | "role_path"
                | "omit"
                | "vars"
                | "item"
                | "environment"
                | "template_host"
                | "template_path"
                | "template_fullpath"
                | "template_run_date"
                | "template_uid"
                | "template_destpath"
                | "now"
                | "undef"
                | "true"
                | "false"
                | "none"
        )
}

/// Whether a mistyped name may be the other: to compare each of thousands letter by letter would take minutes.
fn are_near(name: &str, other: &str) -> bool {
    name.len().abs_diff(other.len()) <= 2 && name.bytes().take(3).eq(other.bytes().take(3))
}

fn variables(files: &[Read], neighbours: &[Read], findings: &mut Vec<Finding>) {
    let mut known: HashSet<&str> = HashSet::new();
    for file in files.iter().chain(neighbours) {
        known.extend(file.names.defined.iter().map(|name| &**name));
        known.extend(file.names.optional.iter().map(|name| &**name));
    }
    let mut told: HashSet<&str> = HashSet::new();
    for (name, spot) in files.iter().flat_map(|file| &file.names.reads) {
        if known.contains(&**name) || is_given(name) || !told.insert(name) {
            continue;
        }
        let problem = Diagnostic::error(&spot.span(), format!("nothing here defines the variable `{name}`")).warning();
        let hint = did_you_mean(name, known.iter().copied().filter(|other| are_near(name, other)));
        let hint = hint.unwrap_or_else(|| {
            "it has to come from the inventory or by -e; `default(…)` says that it may be missing".to_owned()
        });
        findings.push(Finding::new(Rule::UndefinedVariable, problem.hint(hint)));
    }
}

fn handlers(files: &[Read], neighbours: &[Read], findings: &mut Vec<Finding>) {
    let all = || files.iter().chain(neighbours);
    let known: HashSet<&str> = all().flat_map(|file| &file.names.handlers).map(|name| &**name).collect();
    let templated: Vec<&String> = all().flat_map(|file| &file.names.templated_handlers).collect();
    for (name, span) in files.iter().flat_map(|file| &file.names.notified) {
        // `role : handler` names the handler of one role.
        let short = name.rsplit(" : ").next().unwrap_or(name);
        if known.contains(&**name)
            || known.contains(short)
            || templated.iter().any(|before| name.starts_with(before.as_str()))
        {
            continue;
        }
        let problem = Diagnostic::error(span, format!("there is no handler `{name}`")).warning();
        let hint = did_you_mean(name, known.iter().copied());
        let hint =
            hint.unwrap_or_else(|| "a handler answers to its `name`, and to what it says in `listen`".to_owned());
        findings.push(Finding::new(Rule::MissingHandler, problem.hint(hint)));
    }
}

/// `--tags x` runs an include only if the include has the tag `x` itself.
fn tags(files: &[Read], findings: &mut Vec<Finding>) {
    let mut brought: HashMap<PathBuf, Vec<&Brings>> = HashMap::new();
    for brings in files.iter().flat_map(|file| &file.names.brings) {
        let found = brings.files.iter().find(|path| path.is_file());
        match found {
            Some(path) => brought.entry(plain(path)).or_default().push(brings),
            None => {
                let Some(first) = brings.files.first().filter(|_| brings.dynamic) else { continue };
                let problem =
                    Diagnostic::error(&brings.span, format!("there is no file {}", first.display())).warning();
                findings.push(Finding::new(Rule::MissingFile, problem));
            }
        }
    }
    for file in files {
        let Some(by) = brought.get(&plain(&file.path)) else { continue };
        let mut told: HashSet<&Arc<str>> = HashSet::new();
        for (tag, span) in &file.names.tags {
            let special = matches!(&**tag, "always" | "never" | "all" | "tagged" | "untagged");
            let reaches = |brings: &&&Brings| {
                !brings.dynamic
                    || brings.tags.iter().any(|have| have == tag || &**have == "always" || have.contains("{{"))
            };
            // A file without tags on any of its includes may be in a role or a play that has them.
            let reached = by.iter().any(|brings| reaches(&brings));
            if special || reached || !told.insert(tag) {
                continue;
            }
            let mut problem = Diagnostic::error(span, format!("`--tags {tag}` does not reach this task")).warning();
            for brings in by.iter().take(3) {
                problem = problem.related(&brings.span, "this include has not the tag");
            }
            let hint = format!("give the include `tags: {tag}` or `tags: always`, or import the file");
            findings.push(Finding::new(Rule::UnreachableTag, problem.hint(hint)));
        }
    }
}

/// Without `.` and `..`, as far as that can be told by the text.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if plain.file_name().is_some() => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

//! Inventories that a program prints as JSON. What it prints is data: it is never templated.

use super::model::{GroupId, HostId, Roster};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::template::{Binding, Value};
use indexmap::IndexSet;
use minijinja::value::Serde;
use serde_json::{Map, Value as Json};
use std::io;
use std::path::Path;
use std::process::Command;

/// Adds what a program prints when it is called with `--list`; without `_meta` in it, it is called with `--host NAME` for
/// each host. What it says on standard error comes back as warnings.
pub(super) fn read(path: &Path, roster: &mut Roster) -> Result<Vec<Diagnostic>, Diagnostics> {
    let span = Span::nowhere(&path.display().to_string());
    let mut program = Program { path, span: &span, warnings: Vec::new() };
    let listed = program.call(&["--list"])?;
    take(listed, &mut program, roster)?;
    Ok(program.warnings)
}

/// Adds what a program prints that is called with these words and lists everything.
pub(super) fn read_listed(path: &Path, words: &[&str], roster: &mut Roster) -> Result<Vec<Diagnostic>, Diagnostics> {
    let span = Span::nowhere(&path.display().to_string());
    let mut program = Program { path, span: &span, warnings: Vec::new() };
    let listed = program.call(words)?;
    take(listed, &mut program, roster)?;
    Ok(program.warnings)
}

/// Takes in what was listed; asks for the variables of each host where they are not among it.
fn take(listed: Map<String, Json>, program: &mut Program<'_>, roster: &mut Roster) -> Result<(), Diagnostics> {
    let span = program.span;
    let mut reader = Reader { roster, span, hosts: IndexSet::new() };
    let meta = listed.get("_meta").and_then(|meta| meta.get("hostvars"));
    for (name, data) in listed.iter().filter(|(name, _)| *name != "_meta") {
        reader.group(name, data)?;
    }
    let hosts = std::mem::take(&mut reader.hosts);
    for host in hosts {
        let name = reader.roster.host(host).name.clone();
        match meta {
            Some(all) => {
                if let Some(vars) = all.get(&*name) {
                    reader.host_vars(host, vars)?;
                }
            }
            None => {
                let vars = program.call(&["--host", &name])?;
                reader.host_vars(host, &Json::Object(vars))?;
            }
        }
    }
    Ok(())
}

struct Program<'a> {
    path: &'a Path,
    span: &'a Span,
    warnings: Vec<Diagnostic>,
}

impl Program<'_> {
    fn call(&mut self, arguments: &[&str]) -> Result<Map<String, Json>, Diagnostic> {
        let call = arguments.join(" ");
        let wrong = |why: String| Diagnostic::error(self.span, format!("called with `{call}` {why}"));
        // A bare name would be looked up in PATH.
        let path = std::path::absolute(self.path).unwrap_or_else(|_| self.path.to_owned());
        let mut command = Command::new(path);
        command.args(arguments);
        let output = command.output().map_err(|error| {
            let diagnostic = wrong(format!("it could not be run: {error}"));
            match error.kind() {
                io::ErrorKind::PermissionDenied => diagnostic.hint("make it executable: chmod +x"),
                io::ErrorKind::NotFound => diagnostic.hint("is the interpreter that its first line names installed?"),
                _ => diagnostic,
            }
        })?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(wrong(format!("it ended with {}: {}", output.status, said.trim())));
        }
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            self.warnings.push(Diagnostic::error(self.span, format!("it says: {line}")).warning());
        }
        if output.stdout.trim_ascii().is_empty() && arguments[0] == "--host" {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&output.stdout) {
            Ok(Json::Object(map)) => Ok(map),
            Ok(_) => Err(wrong("it printed JSON that is no object".to_owned())),
            Err(error) => Err(wrong(format!("it did not print JSON: {error}"))),
        }
    }
}

struct Reader<'a> {
    roster: &'a mut Roster,
    span: &'a Span,
    /// Those it named, in order.
    hosts: IndexSet<HostId>,
}

impl Reader<'_> {
    fn wrong(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.span, message)
    }

    fn group(&mut self, name: &str, data: &Json) -> Result<(), Diagnostic> {
        let group = self.add_group(name)?;
        match data {
            Json::Array(_) => self.group_hosts(group, name, data),
            Json::Object(parts) if !["hosts", "vars", "children"].iter().any(|part| parts.contains_key(*part)) => {
                // An old form: the group is a host of its own name, with these variables.
                let host = self.add_host(group, name)?;
                self.host_vars(host, data)
            }
            Json::Object(parts) => {
                if let Some(hosts) = parts.get("hosts") {
                    self.group_hosts(group, name, hosts)?;
                }
                if let Some(vars) = parts.get("vars") {
                    let vars =
                        vars.as_object().ok_or_else(|| self.wrong(format!("`vars` of `{name}` is no object")))?;
                    for (key, value) in vars {
                        self.roster.set_group_var(group, key.as_str(), data_of(value));
                    }
                }
                for child in self.names(parts.get("children"), name, "children")? {
                    let child = self.add_group(&child)?;
                    self.roster.put_group(group, child).map_err(|error| self.wrong(error.to_string()))?;
                }
                Ok(())
            }
            _ => Err(self.wrong(format!("the group `{name}` is neither an object nor a list of hosts"))),
        }
    }

    fn add_group(&mut self, name: &str) -> Result<GroupId, Diagnostic> {
        self.roster.add_group(name).map_err(|error| Diagnostic::error(self.span, error.to_string()))
    }

    fn group_hosts(&mut self, group: GroupId, name: &str, hosts: &Json) -> Result<(), Diagnostic> {
        for host in self.names(Some(hosts), name, "hosts")? {
            self.add_host(group, &host)?;
        }
        Ok(())
    }

    fn names(&self, list: Option<&Json>, group: &str, part: &str) -> Result<Vec<String>, Diagnostic> {
        let wrong = || self.wrong(format!("`{part}` of `{group}` is no list of names"));
        let items = match list {
            None | Some(Json::Null) => return Ok(Vec::new()),
            Some(list) => list.as_array().ok_or_else(wrong)?,
        };
        let name = |item: &Json| match item {
            Json::String(name) => Ok(name.clone()),
            Json::Number(number) => Ok(number.to_string()),
            _ => Err(wrong()),
        };
        items.iter().map(name).collect()
    }

    fn add_host(&mut self, group: GroupId, name: &str) -> Result<HostId, Diagnostic> {
        let host = self.roster.add_host(name).map_err(|error| Diagnostic::error(self.span, error.to_string()))?;
        self.roster.put_host(group, host);
        self.hosts.insert(host);
        Ok(host)
    }

    fn host_vars(&mut self, host: HostId, vars: &Json) -> Result<(), Diagnostic> {
        let name = self.roster.host(host).name.clone();
        let vars = vars.as_object().ok_or_else(|| self.wrong(format!("the variables of `{name}` are no object")))?;
        for (key, value) in vars {
            self.roster.set_host_var(host, key.as_str(), data_of(value));
        }
        Ok(())
    }
}

fn data_of(value: &Json) -> Binding {
    Binding::Value(Value::from(Serde(value)))
}

//! `local`: what the files in `/etc/ansible/facts.d` say.

use super::gather::one;
use super::ini;
use super::probe::Probe;
use crate::host::{Command, HostError, HostResult, Kind};
use serde_json::{Map, Value};
use std::path::Path;
use std::time::Duration;

/// The fact `local` and a warning for each file that could not be read as JSON or INI: its fact is the warning's text.
pub(super) fn facts(
    probe: &Probe<'_>,
    directory: &Path,
    timeout: Duration,
) -> HostResult<(Map<String, Value>, Vec<String>)> {
    let (mut found, mut warnings) = (Map::new(), Vec::new());
    for name in probe.names(directory) {
        let Some(fact) = name.strip_suffix(".fact") else { continue };
        let value = read(probe, &directory.join(&name), timeout)?.unwrap_or_else(|problem| {
            warnings.push(problem.clone());
            Value::String(problem)
        });
        found.insert(fact.to_owned(), value);
    }
    Ok((one("local", found), warnings))
}

fn read(probe: &Probe<'_>, path: &Path, timeout: Duration) -> HostResult<Result<Value, String>> {
    let shown = path.display();
    let content = match probe.host.files.stat(path, true)? {
        Some(stat) if stat.kind == Kind::File && stat.mode & 0o111 != 0 => {
            // Ansible runs them in check mode too: a fact is there to look, not to change.
            let mut command = Command::reading([path.to_string_lossy()]);
            command.timeout = Some(timeout);
            match probe.host.processes.run(&command) {
                Ok(finished) if finished.status == 0 => finished.stdout,
                Ok(finished) => {
                    let said = finished.stderr_text();
                    return Ok(Err(format!(
                        "Failure executing fact script ({shown}), rc: {}, err: {said}",
                        finished.status
                    )));
                }
                Err(stop @ (HostError::Unknown { .. } | HostError::Cancelled { .. })) => return Err(stop),
                Err(error) => return Ok(Err(format!("Could not execute fact script ({shown}): {error}"))),
            }
        }
        Some(_) => match probe.host.files.read(path) {
            Ok(content) => content,
            Err(error) => return Ok(Err(format!("Could not read fact file ({shown}): {error}"))),
        },
        None => return Ok(Err(format!("Could not read fact file ({shown}): it is a link that points nowhere"))),
    };
    let text = String::from_utf8_lossy(&content);
    if let Ok(value) = serde_json::from_str(&text) {
        return Ok(Ok(value));
    }
    Ok(ini::parse(&text)
        .map(Value::Object)
        .map_err(|why| format!("error loading facts as JSON or ini - please check content: {shown} ({why})")))
}

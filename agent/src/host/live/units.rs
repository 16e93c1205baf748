//! systemd's units on the live host.

use super::{LiveFiles, LiveProcesses};
use crate::host::systemd::{BAD_STATES, parse_services, parse_show, parse_unit_files};
use crate::host::{
    Command, Files, Finished, HostError, HostResult, Processes, Scope, Service, UnitAction, UnitFileAction, UnitState,
    Units,
};
use std::collections::BTreeMap;
use std::path::Path;

/// What systemctl prints where it has no manager to ask: in a chroot, in a container that runs without it.
const OFFLINE: &[&str] = &["Running in chroot", "has not been booted with systemd", "ignoring request"];

/// systemd's units on the live host, over `systemctl`.
#[derive(Clone)]
pub struct LiveUnits {
    files: LiveFiles,
    processes: LiveProcesses,
}

impl LiveUnits {
    /// The units, for the request that these facets belong to.
    pub fn new(files: LiveFiles, processes: LiveProcesses) -> LiveUnits {
        LiveUnits { files, processes }
    }

    fn exists(&self, path: &str) -> bool {
        matches!(self.files.stat(Path::new(path), true), Ok(Some(_)))
    }

    fn text(&self, path: &str) -> String {
        self.files
            .read(Path::new(path))
            .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
            .unwrap_or_default()
    }

    fn systemctl(&self, scope: Scope, words: &[&str]) -> Vec<String> {
        let mut argv = vec!["systemctl".to_owned()];
        match scope {
            Scope::System => {}
            Scope::User => argv.push("--user".to_owned()),
            Scope::Global => argv.push("--global".to_owned()),
        }
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv
    }

    fn ask(&self, scope: Scope, words: &[&str]) -> HostResult<Finished> {
        let mut command = Command::reading(self.systemctl(scope, words));
        self.prepare(&mut command, scope);
        self.processes.run(&command)
    }

    fn order(&self, scope: Scope, words: &[&str]) -> HostResult<Finished> {
        let mut command = Command::changing(self.systemctl(scope, words), "what systemctl does");
        self.prepare(&mut command, scope);
        self.processes.run(&command)
    }

    fn prepare(&self, command: &mut Command, scope: Scope) {
        command.environment.push(("LC_ALL".to_owned(), "C".to_owned()));
        // A login by SSH sets it; sudo and su may not.
        if scope == Scope::User && self.processes.variable("XDG_RUNTIME_DIR").is_none() {
            let directory = format!("/run/user/{}", rustix::process::geteuid().as_raw());
            command.environment.push(("XDG_RUNTIME_DIR".to_owned(), directory));
        }
    }

    /// The states of units that are not loaded, in one go. Templates have none.
    fn with_states(&self, units: Vec<(String, String)>) -> HostResult<Vec<(String, String, String)>> {
        let is_template = |name: &str| name.contains("@.");
        let mut words = vec!["show", "--property=ActiveState", "--"];
        words.extend(units.iter().map(|(name, _)| name.as_str()).filter(|name| !is_template(name)));
        let shown = if words.len() > 3 { self.ask(Scope::System, &words)?.stdout_text() } else { String::new() };
        let mut states = shown.lines().filter_map(|line| line.strip_prefix("ActiveState="));
        Ok(units
            .iter()
            .map(|(name, status)| {
                let state = if is_template(name) { None } else { states.next() };
                (name.clone(), status.clone(), state.unwrap_or("unknown").to_owned())
            })
            .collect())
    }

    fn enabled(&self, unit: &str, scope: Scope) -> HostResult<String> {
        let finished = self.ask(scope, &["is-enabled", unit])?;
        let word = finished.stdout_text().lines().next().unwrap_or_default().trim().to_owned();
        Ok(if word == "not-found" { String::new() } else { word })
    }
}

fn said(finished: &Finished) -> String {
    let stderr = finished.stderr_text();
    let text = if stderr.trim().is_empty() { finished.stdout_text() } else { stderr };
    text.trim().to_owned()
}

impl Units for LiveUnits {
    fn manager(&self) -> HostResult<String> {
        let first = self.text("/proc/1/comm");
        let mapped = match first.as_str() {
            "procd" => Some("openwrt_init"),
            "runit-init" => Some("runit"),
            "svscan" => Some("svc"),
            "openrc-init" => Some("openrc"),
            _ => None,
        };
        if let Some(name) = mapped {
            return Ok(name.to_owned());
        }
        // `init` and shells are many things; other names stand for themselves.
        let speaks = !(first.is_empty() || first == "init" || first.ends_with("sh") || first == "systemd");
        let systemd_runs =
            ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"].iter().any(|path| self.exists(path));
        let name = if first == "systemd" || (!speaks && systemd_runs && self.processes.which("systemctl")?.is_some()) {
            "systemd".to_owned()
        } else if speaks {
            first
        } else if self.exists("/etc/init") && self.processes.which("initctl")?.is_some() {
            "upstart".to_owned()
        } else if self.exists("/sbin/openrc") {
            "openrc".to_owned()
        } else if self
            .files
            .read_link(Path::new("/sbin/init"))
            .is_ok_and(|target| target.file_name().is_some_and(|name| name == "systemd"))
        {
            "systemd".to_owned()
        } else if self.exists("/etc/init.d") {
            "sysvinit".to_owned()
        } else {
            "service".to_owned()
        };
        Ok(name)
    }

    fn services(&self) -> HostResult<Vec<Service>> {
        let mut found: BTreeMap<String, Service> = BTreeMap::new();
        // Scripts say of themselves whether they run.
        if self.processes.which("service")?.is_some() {
            let finished = self.processes.run(&Command::reading(["service", "--status-all"]))?;
            let text = format!("{}{}", finished.stdout_text(), finished.stderr_text());
            for line in text.lines() {
                let (state, name) = match line.trim().split_once(']') {
                    Some(("[ +", name)) | Some(("[ + ", name)) => ("running", name.trim()),
                    Some(("[ -", name)) | Some(("[ - ", name)) => ("stopped", name.trim()),
                    _ => continue,
                };
                let service = Service { name: name.to_owned(), state: state.to_owned(), status: None, source: "sysv" };
                found.insert(name.to_owned(), service);
            }
        }
        if self.manager()? == "systemd" {
            let loaded =
                self.ask(Scope::System, &["list-units", "--no-pager", "--type", "service", "--all", "--plain"])?;
            let files = self.ask(Scope::System, &["list-unit-files", "--no-pager", "--type", "service", "--all"])?;
            let services = parse_services(&loaded.stdout_text());
            found.extend(services.into_iter().map(|service| (service.name.clone(), service)));
            let mut idle = Vec::new();
            for (name, status) in parse_unit_files(&files.stdout_text()) {
                match found.get_mut(&name) {
                    Some(Service { status: Some(bad), .. }) if BAD_STATES.contains(&bad.as_str()) => {}
                    Some(service) => service.status = Some(status),
                    None => idle.push((name, status)),
                }
            }
            for (name, status, state) in self.with_states(idle)? {
                found.insert(name.clone(), Service { name, state, status: Some(status), source: "systemd" });
            }
        }
        Ok(found.into_values().collect())
    }

    fn state(&self, unit: &str, scope: Scope) -> HostResult<UnitState> {
        let shown = match scope {
            // Nothing runs in this scope, so there is nothing to show but files.
            Scope::Global => None,
            Scope::System | Scope::User => Some(self.ask(scope, &["show", unit])?),
        };
        if let Some(finished) = &shown {
            let offline = OFFLINE.iter().any(|text| said(finished).contains(text));
            if let Some(mut state) = parse_show(&finished.stdout_text()).filter(|_| !offline) {
                // The property is empty for instances that are not loaded, and vague for init scripts.
                let vague = state.enabled.is_empty() || state.enabled == "generated";
                if state.exists && vague && state.properties.get("LoadState").is_some_and(|load| load != "not-found") {
                    state.enabled = self.enabled(unit, scope)?;
                }
                return Ok(state);
            }
            if !offline {
                return Err(HostError::other(format!("cannot ask for the state of {unit}: {}", said(finished))));
            }
        }
        let enabled = self.enabled(unit, scope)?;
        let active = if shown.is_some() { "unknown" } else { "" }.to_owned();
        Ok(UnitState { exists: !enabled.is_empty(), active, enabled, properties: serde_json::Map::new() })
    }

    fn act(&self, action: UnitAction, unit: &str, scope: Scope, no_block: bool) -> HostResult<()> {
        let mut words = vec![action.word(), unit];
        if no_block {
            words.push("--no-block");
        }
        let finished = self.order(scope, &words)?;
        match finished.status {
            0 => Ok(()),
            _ => Err(HostError::other(format!("Unable to {} service {unit}: {}", action.word(), said(&finished)))),
        }
    }

    fn act_on_file(&self, action: UnitFileAction, unit: &str, scope: Scope, force: bool) -> HostResult<()> {
        let mut words = vec![action.word(), unit];
        if force {
            words.push("--force");
        }
        let finished = self.order(scope, &words)?;
        match finished.status {
            0 => Ok(()),
            _ => Err(HostError::other(format!("Unable to {} service {unit}: {}", action.word(), said(&finished)))),
        }
    }

    fn reload_manager(&self, scope: Scope) -> HostResult<()> {
        let finished = self.order(scope, &["daemon-reload"])?;
        match finished.status {
            0 => Ok(()),
            status => Err(HostError::other(format!("failure {status} during daemon-reload: {}", said(&finished)))),
        }
    }

    fn reexec_manager(&self, scope: Scope) -> HostResult<()> {
        let finished = self.order(scope, &["daemon-reexec"])?;
        match finished.status {
            0 => Ok(()),
            status => Err(HostError::other(format!("failure {status} during daemon-reexec: {}", said(&finished)))),
        }
    }
}

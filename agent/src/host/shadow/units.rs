//! The foreseen units.

use super::Core;
use super::files::ShadowFiles;
use crate::host::{Files, HostError, HostResult, Scope, Service, UnitAction, UnitFileAction, UnitState, Units};
use crate::protocol::Effect;
use crate::sorting;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where unit files are, by falling precedence (systemd.unit(5)).
const SYSTEM_DIRECTORIES: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/init.d",
];
const USER_DIRECTORIES: [&str; 3] = ["/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"];
/// Suffixes that make a name a unit's.
const SUFFIXES: [&str; 11] =
    ["service", "socket", "timer", "mount", "automount", "target", "path", "slice", "scope", "swap", "device"];

/// Units of one request.
pub(super) struct ShadowUnits(pub(super) Arc<Core>);

/// A unit's full name.
fn full(unit: &str) -> String {
    match unit.rsplit_once('.') {
        Some((_, suffix)) if SUFFIXES.contains(&suffix) => unit.to_owned(),
        _ => format!("{unit}.service"),
    }
}

impl ShadowUnits {
    /// The unit's file as the shadow has it, with its content.
    fn file(&self, unit: &str, scope: Scope) -> HostResult<Option<(PathBuf, String)>> {
        let files = ShadowFiles(self.0.clone());
        let directories: &[&str] = match scope {
            Scope::System => &SYSTEM_DIRECTORIES,
            Scope::User | Scope::Global => &USER_DIRECTORIES,
        };
        let template =
            unit.split_once('@').zip(unit.rsplit_once('.')).map(|((name, _), (_, suffix))| format!("{name}@.{suffix}"));
        for directory in directories {
            for name in [Some(unit), template.as_deref()].into_iter().flatten() {
                let name = if *directory == "/etc/init.d" { name.trim_end_matches(".service") } else { name };
                let path = Path::new(directory).join(name);
                // A doubt about a package's unit file is told once, by the caller, for the unit.
                let found = match files.stat(&path, true) {
                    Err(HostError::Unknown { .. }) => None,
                    other => other?,
                };
                if found.is_some() {
                    let content = String::from_utf8_lossy(&files.read(&path)?).into_owned();
                    return Ok(Some((path, content)));
                }
            }
        }
        Ok(None)
    }

    /// Whether earlier tasks would have changed a file of this unit.
    fn file_differs(&self, unit: &str) -> bool {
        let overlay = self.0.overlay();
        SYSTEM_DIRECTORIES
            .iter()
            .chain(&USER_DIRECTORIES)
            .any(|directory| overlay.tree.differs_below(&Path::new(directory).join(unit)))
    }

    /// The services with which, or with whose files, earlier tasks would do something.
    fn changed_services(&self) -> HostResult<BTreeSet<String>> {
        let overlay = self.0.overlay();
        let mut names = overlay.units.names();
        for directory in SYSTEM_DIRECTORIES {
            names.extend(overlay.tree.names_that_differ(Path::new(directory)));
        }
        names.retain(|name| name.ends_with(".service") && !name.contains("@."));
        Ok(names)
    }

    fn found(&self, unit: &str, scope: Scope) -> HostResult<UnitState> {
        let state = self.state(unit, scope)?;
        if state.exists { Ok(state) } else { Err(HostError::other(format!("Unit {} not found.", full(unit)))) }
    }

    fn may_act(&self, scope: Scope, what: &str) -> HostResult<()> {
        match scope {
            Scope::User => Ok(()),
            Scope::System | Scope::Global => {
                self.0.must_be_root(|| format!("{what} would be refused: only root may (use `become`)"))
            }
        }
    }
}

impl Units for ShadowUnits {
    fn manager(&self) -> HostResult<String> {
        self.0.live.units.manager()
    }

    fn services(&self) -> HostResult<Vec<Service>> {
        let mut services = self.0.live.units.services()?;
        let new = self.0.overlay().packages.new_ones().join(", ");
        if !new.is_empty() {
            return Err(HostError::Unknown {
                why: format!("which services there are: earlier tasks would install {new}, which may bring some"),
            });
        }
        for name in self.changed_services()? {
            services.retain(|service| service.name != name);
            let state = self.state(&name, Scope::System)?;
            if state.exists {
                let word = if state.active == "active" { "running" } else { "stopped" };
                let (state, status) = (word.to_owned(), Some(state.enabled));
                services.push(Service { name, state, status, source: "systemd" });
            }
        }
        sorting::sort_by(&mut services, |one, other| one.name.cmp(&other.name));
        Ok(services)
    }

    fn state(&self, unit: &str, scope: Scope) -> HostResult<UnitState> {
        let name = full(unit);
        let mut state = self.0.live.units.state(unit, scope)?;
        let touched = if state.exists { String::new() } else { self.0.overlay().packages.may_touch(&name).join(", ") };
        if !touched.is_empty() && self.0.overlay().units.action(scope, &name).is_none() {
            return Err(HostError::Unknown {
                why: format!(
                    "the state of {name}: earlier tasks would install {touched}, which may start or enable it"
                ),
            });
        }
        if !state.exists || self.file_differs(&name) {
            let running = state.exists && state.active == "active";
            match self.file(&name, scope)? {
                Some((_, content)) if !state.exists => {
                    let enabled = if content.contains("[Install]") { "disabled" } else { "static" };
                    state = UnitState {
                        exists: true,
                        active: "inactive".to_owned(),
                        enabled: enabled.to_owned(),
                        properties: serde_json::Map::new(),
                    };
                    for (key, value) in [("Id", name.as_str()), ("LoadState", "loaded"), ("ActiveState", "inactive")] {
                        state.properties.insert(key.to_owned(), value.into());
                    }
                    state.properties.insert("UnitFileState".to_owned(), enabled.into());
                }
                Some(_) => {}
                None if self.file_differs(&name) => state.exists = running,
                None => {
                    let new = self.0.overlay().packages.may_touch(&name).join(", ");
                    if !new.is_empty() {
                        return Err(HostError::Unknown {
                            why: format!("the state of {name}: earlier tasks would install {new}, which may bring it"),
                        });
                    }
                }
            }
        }
        let overlay = self.0.overlay();
        if let Some(action) = overlay.units.action(scope, &name) {
            let property = |name: &str| state.properties.get(name).and_then(|value| value.as_str());
            // A program that runs once leaves nothing that is active.
            let once = property("Type") == Some("oneshot") && property("RemainAfterExit") != Some("yes");
            let active = match action {
                UnitAction::Stop => "inactive",
                UnitAction::Start | UnitAction::Restart if once => "inactive",
                UnitAction::Start | UnitAction::Restart => "active",
                UnitAction::Reload => state.active.as_str(),
            }
            .to_owned();
            state.properties.insert("ActiveState".to_owned(), active.clone().into());
            state.active = active;
        }
        if let Some(action) = overlay.units.file_action(scope, &name) {
            let enabled = match action {
                UnitFileAction::Enable if state.enabled == "static" => "static",
                UnitFileAction::Enable => "enabled",
                UnitFileAction::Disable if state.enabled == "static" => "static",
                UnitFileAction::Disable => "disabled",
                UnitFileAction::Mask => "masked",
                UnitFileAction::Unmask if state.enabled == "masked" => {
                    return Err(HostError::Unknown { why: format!("what the mask of {name} hides") });
                }
                UnitFileAction::Unmask => state.enabled.as_str(),
            }
            .to_owned();
            let load = if enabled == "masked" { "masked" } else { "loaded" };
            state.properties.insert("LoadState".to_owned(), load.into());
            state.properties.insert("UnitFileState".to_owned(), enabled.clone().into());
            state.enabled = enabled;
        }
        Ok(state)
    }

    fn act(&self, action: UnitAction, unit: &str, scope: Scope, _no_block: bool) -> HostResult<()> {
        self.may_act(scope, &format!("`systemctl {} {unit}`", action.word()))?;
        let state = self.found(unit, scope)?;
        if state.enabled.starts_with("masked") && action != UnitAction::Stop {
            return Err(HostError::other(format!("Unit {} is masked.", full(unit))));
        }
        if action == UnitAction::Reload && state.active == "inactive" {
            return Err(HostError::other(format!("{} is not active, cannot reload.", full(unit))));
        }
        self.0.foresee(Effect::Unit { action, unit: full(unit), scope })
    }

    fn act_on_file(&self, action: UnitFileAction, unit: &str, scope: Scope, _force: bool) -> HostResult<()> {
        self.may_act(scope, &format!("`systemctl {} {unit}`", action.word()))?;
        // What does not exist can be masked all the same.
        if !matches!(action, UnitFileAction::Mask | UnitFileAction::Unmask) {
            self.found(unit, scope)?;
        }
        self.0.foresee(Effect::UnitFile { action, unit: full(unit), scope })
    }

    fn reload_manager(&self, scope: Scope) -> HostResult<()> {
        self.may_act(scope, "`systemctl daemon-reload`")?;
        self.0.foresee(Effect::ReloadManager { scope })
    }

    fn reexec_manager(&self, scope: Scope) -> HostResult<()> {
        self.may_act(scope, "`systemctl daemon-reexec`")?;
        self.0.foresee(Effect::ReexecManager { scope })
    }
}

#[cfg(test)]
mod tests {
    use super::super::permissions::Identity;
    use super::super::{Overlay, Shadow};
    use super::*;
    use crate::host::{Context, Step, WriteOptions};
    use std::sync::Mutex;

    fn root() -> Shadow {
        Shadow::of(Identity::root(), Context::default(), Arc::<Mutex<Overlay>>::default())
    }

    #[test]
    fn names_get_their_suffix() {
        assert_eq!(full("ssh"), "ssh.service");
        assert_eq!(full("a.b"), "a.b.service");
        assert_eq!(full("x@1.timer"), "x@1.timer");
    }

    #[test]
    fn a_unit_whose_file_an_earlier_task_would_write_exists_and_its_states_are_remembered() {
        let shadow = root();
        let host = shadow.host();
        // A machine that runs no systemd can't say anything of units.
        if host.units.state("refit-test", Scope::System).is_err() {
            return;
        }
        assert!(!host.units.state("refit-test", Scope::System).unwrap().exists);
        assert!(host.units.act(UnitAction::Start, "refit-test", Scope::System, false).is_err());
        let file = Path::new("/etc/systemd/system/refit-test.service");
        let text = b"[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
        if host.files.stat(file.parent().unwrap(), true).unwrap().is_none() {
            return;
        }
        host.files.write(file, text, &WriteOptions::default()).unwrap();
        let state = |unit: &str| host.units.state(unit, Scope::System).unwrap();
        assert_eq!(
            (state("refit-test").active.as_str(), state("refit-test").enabled.as_str()),
            ("inactive", "disabled")
        );
        host.units.act(UnitAction::Start, "refit-test", Scope::System, false).unwrap();
        host.units.act_on_file(UnitFileAction::Enable, "refit-test.service", Scope::System, false).unwrap();
        assert_eq!((state("refit-test").active.as_str(), state("refit-test").enabled.as_str()), ("active", "enabled"));
        host.units.act_on_file(UnitFileAction::Mask, "refit-test", Scope::System, false).unwrap();
        let masked = host.units.act(UnitAction::Restart, "refit-test", Scope::System, false);
        assert!(masked.unwrap_err().to_string().contains("masked"));
        assert!(!file.exists());
    }

    #[test]
    fn services_are_listed_as_earlier_tasks_would_leave_them() {
        let shadow = root();
        let host = shadow.host();
        let directory = Path::new("/etc/systemd/system");
        if host.units.state("refit-test", Scope::System).is_err() || host.files.stat(directory, true).unwrap().is_none()
        {
            return;
        }
        let text = b"[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
        host.files.write(&directory.join("refit-test.service"), text, &WriteOptions::default()).unwrap();
        host.units.act(UnitAction::Start, "refit-test", Scope::System, false).unwrap();
        let services = host.units.services().unwrap();
        let found = services.iter().find(|service| service.name == "refit-test.service").unwrap();
        assert_eq!((found.state.as_str(), found.status.as_deref()), ("running", Some("disabled")));
    }

    #[test]
    fn a_unit_that_a_new_package_may_bring_is_unknown() {
        let shadow = root();
        if shadow.host().units.state("refit-test", Scope::System).is_err() {
            return;
        }
        let step = Step { name: "nginx".into(), old: None, new: Some("1".into()), purged: false };
        shadow.learn(&[Effect::Packages { steps: vec![step], listings: Vec::new() }]).unwrap();
        match shadow.host().units.state("refit-test", Scope::System) {
            Err(HostError::Unknown { why }) => assert!(why.contains("nginx"), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_root_acts_on_the_systems_units() {
        let shadow =
            Shadow::of(Identity { uid: 65_534, gid: 65_534, groups: vec![] }, Context::default(), Arc::default());
        let refused = shadow.host().units.act(UnitAction::Start, "refit-test", Scope::System, false);
        assert!(refused.unwrap_err().to_string().contains("become"));
        assert!(shadow.take_effects().is_empty());
    }
}

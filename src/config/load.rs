//! Finding the configuration file and reading the settings.

use super::environment::Environment;
use super::file::{Item, parse};
use super::ineffective;
use super::setting::Origin;
use super::settings::{DECLARED, Declared, Found, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE_NAME: &str = "ansible.cfg";

impl Settings {
    /// Reads the settings of this environment: variables first, then the first file there is of `ANSIBLE_CONFIG`,
    /// `ansible.cfg` in the working directory, `~/.ansible.cfg` and `/etc/ansible/ansible.cfg`.
    ///
    /// Fails with everything that is wrong in them.
    pub fn load(environment: &Environment) -> Result<Settings, Diagnostics> {
        let mut errors = Diagnostics::default();
        let mut warnings = Vec::new();
        let path = find(environment, &mut warnings);
        let items = match &path {
            Some(path) => read(path, &mut errors),
            None => Vec::new(),
        };
        let base = path.as_deref().and_then(Path::parent).unwrap_or(&environment.directory).to_owned();
        let mut settings =
            Settings::gather(|declared| found(declared, environment, &items, &base), environment, &mut errors);
        if errors.has_errors() {
            return Err(errors);
        }
        settings.file = path;
        settings.notes = notes(environment, &items);
        warnings.extend(repeated(&items));
        settings.warnings = warnings;
        Ok(settings)
    }
}

/// The text of a setting: of the last variable that is set, else of the last key that is. An empty one is as good as none.
fn found(declared: &Declared, environment: &Environment, items: &[Item], base: &Path) -> Option<Found> {
    let set = |name: &&'static str| {
        let text = environment.get(name).filter(|text| !text.is_empty())?;
        Some(Found { text: text.to_owned(), origin: Origin::Variable(name), base: environment.directory.clone() })
    };
    declared.variables.iter().rev().find_map(set).or_else(|| {
        let of = |(section, key): &(&str, &str)| {
            let item = items.iter().rev().find(|item| item.section == *section && item.key == *key)?;
            (!item.value.is_empty()).then(|| Found {
                text: item.value.clone(),
                origin: Origin::File(item.value_span.clone()),
                base: base.to_owned(),
            })
        };
        declared.keys.iter().rev().find_map(of)
    })
}

fn find(environment: &Environment, warnings: &mut Vec<Diagnostic>) -> Option<PathBuf> {
    if let Some(written) = environment.get("ANSIBLE_CONFIG").filter(|path| !path.is_empty()) {
        let mut path = environment.path(written, &environment.directory);
        if path.is_dir() {
            path.push(FILE_NAME);
        }
        if path.is_file() {
            return Some(path);
        }
        let nowhere = Span::nowhere("variable ANSIBLE_CONFIG");
        warnings.push(Diagnostic::error(&nowhere, format!("no file {}; looking further", path.display())).warning());
    }
    let here = environment.directory.join(FILE_NAME);
    if here.is_file() {
        let is_open = environment.directory.metadata().is_ok_and(|data| data.permissions().mode() & 0o002 != 0);
        if !is_open {
            return Some(here);
        }
        let message = format!(
            "{} is not read: anybody may write to the directory {}",
            here.display(),
            environment.directory.display()
        );
        warnings.push(
            Diagnostic::plain(message)
                .warning()
                .hint("chmod o-w the directory, or name the file in the variable ANSIBLE_CONFIG"),
        );
    }
    let user = environment.home().map(|home| home.join(".ansible.cfg"));
    let machine = Path::new("/etc/ansible").join(FILE_NAME);
    user.into_iter().chain([machine]).find(|path| path.is_file())
}

fn read(path: &Path, errors: &mut Diagnostics) -> Vec<Item> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&Arc::new(SourceFile { path: path.to_owned(), text }), errors),
        Err(error) => {
            let nowhere = Span::nowhere(&path.display().to_string());
            errors.push(Diagnostic::error(&nowhere, format!("can't read the configuration: {error}")));
            Vec::new()
        }
    }
}

/// Keys and variables that have no effect.
fn notes(environment: &Environment, items: &[Item]) -> Vec<Diagnostic> {
    let keys = DECLARED.iter().flat_map(|declared| declared.keys);
    let variables = DECLARED.iter().flat_map(|declared| declared.variables);
    let mut notes = Vec::new();
    for item in items {
        if keys.clone().any(|(section, key)| item.section == *section && item.key == *key) {
            continue;
        }
        let name = format!("{} in [{}]", item.key, item.section);
        if ineffective::is_key(&item.section, &item.key) {
            notes.push(Diagnostic::error(&item.key_span, format!("`{name}` has no effect here")).warning());
            continue;
        }
        let mut note = Diagnostic::error(&item.key_span, format!("unknown setting `{name}`")).warning();
        let elsewhere = keys.clone().find(|(_, key)| item.key == *key).map(|(section, _)| *section);
        let beside = keys.clone().filter(|(section, _)| item.section == *section).map(|(_, key)| *key);
        if let Some(section) = elsewhere {
            note = note.hint(format!("`{}` belongs into [{section}]", item.key));
        } else if let Some(hint) = did_you_mean(&item.key, beside) {
            note = note.hint(hint);
        }
        notes.push(note);
    }
    for name in environment.variables.keys().filter(|name| name.starts_with("ANSIBLE_")) {
        if variables.clone().any(|known| name == known) || matches!(name.as_str(), "ANSIBLE_CONFIG" | "ANSIBLE_HOME") {
            continue;
        }
        let nowhere = Span::nowhere(&format!("variable {name}"));
        if ineffective::is_variable(name) {
            notes.push(Diagnostic::error(&nowhere, "it has no effect here").warning());
            continue;
        }
        let mut note = Diagnostic::error(&nowhere, "unknown setting").warning();
        if let Some(hint) = did_you_mean(name, variables.clone().copied()) {
            note = note.hint(hint);
        }
        notes.push(note);
    }
    notes
}

/// Keys that stand twice.
fn repeated(items: &[Item]) -> impl Iterator<Item = Diagnostic> {
    items.iter().enumerate().filter_map(|(at, item)| {
        let first = items[..at].iter().find(|other| other.section == item.section && other.key == item.key)?;
        let message = format!("`{}` stands twice in [{}]; this one counts", item.key, item.section);
        Some(Diagnostic::error(&item.key_span, message).warning().related(&first.key_span, "the first one"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{DuplicateKeys, FactCache, Gathering};
    use super::*;
    use std::time::Duration;

    struct Place(tempfile::TempDir);

    impl Place {
        fn with(config: &str) -> Place {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join(FILE_NAME), config).unwrap();
            Place(directory)
        }

        fn environment(&self, variables: &[(&str, &str)]) -> Environment {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Environment { variables, directory: self.0.path().to_owned() }
        }
    }

    #[test]
    fn a_variable_comes_before_the_file_and_the_file_before_the_default() {
        let place = Place::with(
            "# comment\n[defaults]\nforks = 20 ; many\ninventory = hosts, ~/more\nroles_path=roles:/srv/roles\n\
             gathering: smart\nremote_user = \"deploy\"\nhost_key_checking = False\nfact_caching = ansible.builtin.jsonfile\n\
             duplicate_dict_key=error\n[ssh_connection]\nssh_args = -o A=b\n    -o C=d\ntimeout=30\n",
        );
        let environment =
            place.environment(&[("ANSIBLE_FORKS", "50"), ("HOME", "/home/me"), ("ANSIBLE_ROLES_PATH", "")]);
        let settings = Settings::load(&environment).unwrap();
        let base = place.0.path();
        assert_eq!(settings.file.as_deref(), Some(base.join(FILE_NAME).as_path()));
        assert_eq!((*settings.forks, settings.forks.origin.clone()), (50, Origin::Variable("ANSIBLE_FORKS")));
        assert_eq!(*settings.inventory, [base.join("hosts").display().to_string(), "/home/me/more".into()]);
        assert_eq!(*settings.roles_path, [base.join("roles"), "/srv/roles".into()]);
        assert_eq!(*settings.gathering, Gathering::Smart);
        assert_eq!(settings.remote_user.as_deref(), Some("deploy"));
        assert!(!*settings.host_key_checking);
        assert_eq!(*settings.fact_caching, FactCache::JsonFile);
        assert_eq!(*settings.duplicate_dict_key, DuplicateKeys::Error);
        assert_eq!(*settings.ssh_args, "-o A=b\n-o C=d");
        assert_eq!(*settings.timeout, Duration::from_secs(30));
        assert_eq!(settings.gathering.origin.to_string(), format!("{}:6", base.join(FILE_NAME).display()));
        assert_eq!(settings.become_method.origin, Origin::Default);
        assert_eq!(settings.collections_path[0], Path::new("/home/me/.ansible/collections"));
        assert!(settings.notes.is_empty() && settings.warnings.is_empty(), "{:?}", settings.notes);
    }

    #[test]
    fn what_has_no_effect_is_told_apart_from_what_is_unknown() {
        let place = Place::with("[defaults]\nnocows = 1\nforkz = 3\nbecome = yes\n[galaxy]\nserver_list = a\n");
        let environment =
            place.environment(&[("ANSIBLE_FORK", "1"), ("ANSIBLE_PIPELINING", "1"), ("ANSIBLE_NOPE_AT_ALL", "")]);
        let settings = Settings::load(&environment).unwrap();
        let notes: Vec<String> = settings
            .notes
            .iter()
            .map(|note| note.to_string().replace(&place.0.path().display().to_string(), "."))
            .collect();
        assert_eq!(
            notes,
            [
                "./ansible.cfg:2:1: `nocows in [defaults]` has no effect here",
                "./ansible.cfg:3:1: unknown setting `forkz in [defaults]`\n  hint: did you mean `forks`?",
                "./ansible.cfg:4:1: unknown setting `become in [defaults]`\n  hint: `become` belongs into [privilege_escalation]",
                "./ansible.cfg:6:1: `server_list in [galaxy]` has no effect here",
                "variable ANSIBLE_FORK: unknown setting\n  hint: did you mean `ANSIBLE_FORKS`?",
                "variable ANSIBLE_NOPE_AT_ALL: unknown setting",
                "variable ANSIBLE_PIPELINING: it has no effect here",
            ]
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_place() {
        let place = Place::with("[defaults]\nforks = none\ngathering = often\n oops\nwhat is this\n");
        let environment = place.environment(&[("ANSIBLE_TIMEOUT", "soon")]);
        let errors = Settings::load(&environment).unwrap_err().to_string();
        let errors = errors.replace(&place.0.path().display().to_string(), ".");
        assert_eq!(
            errors,
            "./ansible.cfg:5:1: neither a [section] nor `key = value`\n\
             variable ANSIBLE_TIMEOUT: `soon` is not a number of seconds\n\
             ./ansible.cfg:2:9: `none` is not a whole number, 1 or more\n\
             ./ansible.cfg:3:13: `often\noops` is not one of: implicit, explicit, smart"
        );
    }

    #[test]
    fn a_file_in_a_directory_that_anybody_may_write_to_is_not_read() {
        let place = Place::with("[defaults]\nforks = 7\n");
        std::fs::set_permissions(place.0.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let settings = Settings::load(&place.environment(&[])).unwrap();
        assert_ne!(*settings.forks, 7);
        assert!(settings.warnings[0].message.contains("anybody may write"));
        let config = place.0.path().display().to_string();
        let settings = Settings::load(&place.environment(&[("ANSIBLE_CONFIG", &config)])).unwrap();
        assert_eq!(*settings.forks, 7);
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let place = Place::with("[defaults]\nforks = 7\nforks = 8\n");
        let settings = Settings::load(&place.environment(&[])).unwrap();
        assert_eq!(*settings.forks, 8);
        assert_eq!(settings.warnings.len(), 1);
    }
}

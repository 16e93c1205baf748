//! Connection variables that nothing sets: a task may still read `ansible_host`, `ansible_user`, ... and finds what is in
//! force, from keywords, options and settings, as Ansible tells its tasks.

use super::magic::Magic;
use crate::playbook::{Keyword, ScopeKind};
use crate::template::{Binding, Value};
use crate::vars::{Fallback, Stack};

/// Names of the same thing.
const SAME: &[&[&str]] = &[
    &["ansible_host", "ansible_ssh_host"],
    &["ansible_user", "ansible_ssh_user"],
    &["ansible_port", "ansible_ssh_port"],
    &["ansible_connection"],
    &["ansible_private_key_file", "ansible_ssh_private_key_file"],
    &["ansible_timeout", "ansible_ssh_timeout"],
];

impl Fallback for Magic {
    fn get(&self, name: &str, stack: &Stack) -> Option<Binding> {
        let names = SAME.iter().find(|names| names.contains(&name))?;
        // `hostvars` and the play's own keywords see only what is set.
        if !matches!(self.scope.kind, ScopeKind::Task) {
            return None;
        }
        let by_another_name = names.iter().filter(|other| **other != name).find_map(|other| stack.set(other));
        if by_another_name.is_some() {
            return by_another_name;
        }
        let run = self.batch.run();
        let (options, settings) = (&run.options.connection, &run.settings);
        let keyword = |keyword| self.scope.get(keyword).map(|source| Binding::Source(source.clone()));
        let value = match names[0] {
            "ansible_host" => Some(Value::from(self.host.name.clone())),
            "ansible_user" => {
                return keyword(Keyword::RemoteUser).or_else(|| {
                    let user = options.user.as_ref().or(settings.remote_user.value.as_ref());
                    user.map(|user| Binding::Value(Value::from(user.clone())))
                });
            }
            "ansible_port" => {
                return keyword(Keyword::Port)
                    .or_else(|| settings.remote_port.value.map(|port| Binding::Value(Value::from(port))));
            }
            "ansible_connection" => {
                return keyword(Keyword::Connection).or_else(|| {
                    let kind = options.kind.clone().unwrap_or_else(|| settings.transport.value.clone());
                    Some(Binding::Value(Value::from(kind)))
                });
            }
            "ansible_private_key_file" => {
                let path = options.private_key.as_ref().or(settings.private_key_file.value.as_ref());
                path.map(|path| Value::from(path.to_string_lossy().into_owned()))
            }
            _ => Some(Value::from(options.timeout.map_or(settings.timeout.as_secs(), u64::from))),
        };
        value.map(Binding::Value)
    }
}

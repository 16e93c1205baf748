//! Files that configure an inventory plug-in (`plugin: NAME`). Those of Ansible that need nothing from outside are here; of any
//! other, an `ansible-inventory` on this machine is asked.

use super::model::Roster;
use super::{constructed, generator, script};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::loader::Source;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The name of the plug-in that a file configures.
pub(super) fn configured(source: &Source) -> Option<&Source> {
    source.get("plugin").filter(|plugin| plugin.as_str().is_some())
}

/// Adds what a plug-in makes of its configuration.
pub(super) fn read(path: &Path, source: &Source, roster: &mut Roster) -> Result<Vec<Diagnostic>, Diagnostics> {
    let plugin = configured(source).unwrap_or(source);
    let name = plugin.as_str().unwrap_or_default();
    match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
        "constructed" => constructed::read(source, roster),
        "generator" => generator::read(source, roster).map(|()| Vec::new()),
        "advanced_host_list" | "host_list" | "ini" | "yaml" | "toml" | "script" | "auto" => {
            let message = format!("the plug-in `{name}` takes no configuration");
            Err(Diagnostic::error(&plugin.span, message)
                .hint("name what it reads itself as the inventory: a file, a program, or `host1,host2`")
                .into())
        }
        _ => match other_program() {
            Some(program) => script::read_listed(&program, &["-i", &path.display().to_string(), "--list"], roster),
            None => Err(Diagnostic::error(&plugin.span, format!("the inventory plug-in `{name}` is a program in Python"))
                .hint("where ansible-core is installed its `ansible-inventory` is asked; or save what that says: ansible-inventory -i FILE --list --yaml --export")
                .into()),
        },
    }
}

/// An `ansible-inventory` that is not this program by another name.
fn other_program() -> Option<PathBuf> {
    let own = std::env::current_exe().ok().and_then(|own| own.canonicalize().ok());
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join("ansible-inventory"))
        .filter(|path| path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0))
        .find(|path| path.canonicalize().ok() != own)
}

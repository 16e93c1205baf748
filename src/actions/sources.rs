//! Where files that a task names are on the controller.

use super::call::ActionCall;
use super::remote::Halt;
use crate::template::Unread;
use refit_agent::outcome::Stop;
use std::path::{Path, PathBuf};

/// A file or directory that a task names: in `KIND/` (`files`, `templates`, `vars`) and plainly, of each role from the inside
/// out, then beside the task's file, then beside the playbook.
pub(super) fn find(call: &ActionCall<'_>, name: &str, kind: &str) -> Result<PathBuf, Halt> {
    let wanted = match name.strip_prefix("~/").zip(std::env::var_os("HOME")) {
        Some((rest, home)) => Path::new(&home).join(rest),
        None => PathBuf::from(name),
    };
    if wanted.is_absolute() {
        return match call.scope.controller_has(&wanted) {
            true => Ok(wanted),
            false => Err(Halt::failed(format!("there is no {} on the controller", wanted.display()))),
        };
    }
    let places = places(call, &wanted, kind);
    match places.iter().find(|path| call.scope.controller_has(path)) {
        Some(path) => Ok(path.clone()),
        None => {
            let looked: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
            Err(Halt::failed(format!("could not find `{name}` on the controller; looked for {}", looked.join(", "))))
        }
    }
}

/// The content of a file of the controller: in a dry run, as earlier tasks would leave it.
pub(super) fn content(call: &ActionCall<'_>, path: &Path) -> Result<Vec<u8>, Halt> {
    call.scope.controller_file(path).map_err(|why| match why {
        Unread::Failed(error) => Halt::failed(format!("cannot read {}: {error}", path.display())),
        Unread::Unknown(why) => Halt::Stop(Stop::Unknown { why }),
    })
}

fn places(call: &ActionCall<'_>, wanted: &Path, kind: &str) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = Vec::new();
    for dir in call.task.scope.search_path(call.playbook_dir) {
        // A task file stands in the role's `tasks`, whose neighbours are `files`, `templates` and `vars`.
        let role =
            dir.file_name().is_some_and(|name| name == "tasks" || name == "handlers").then(|| dir.parent()).flatten();
        for base in role.into_iter().chain([dir.as_path()]) {
            for path in [base.join(kind).join(wanted), base.join(wanted)] {
                if !places.contains(&path) {
                    places.push(path);
                }
            }
        }
    }
    places
}

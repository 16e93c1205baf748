//! A package file.

use super::apt_run::Runner;
use super::download::download;
use crate::host::apt::{compare_versions, fields};
use crate::host::{Command, PackageState};
use crate::outcome::{ModuleResult, Outcome, Stop};
use std::cmp::Ordering;
use std::path::Path;

/// Installs a package file of the host or from a URL, and what it depends on from the sources.
pub(super) fn install(runner: &Runner<'_>, deb: &str) -> ModuleResult {
    if !deb.contains("://") {
        return install_file(runner, deb);
    }
    let files = runner.host.files;
    let cannot = |why| Stop::failed(format!("`deb`: cannot fetch {deb}: {why}"));
    let fetched = download(runner.host, deb, true)?.map_err(cannot)?;
    // apt knows a file by its ending.
    let staged = files.stage(&fetched, Path::new("fetched.deb"))?;
    let done = install_file(runner, &staged.to_string_lossy());
    files.discard(&staged);
    done
}

fn install_file(runner: &Runner<'_>, deb: &str) -> ModuleResult {
    let path = Path::new(deb);
    if !path.is_absolute() {
        return Err(Stop::failed(format!("`deb`: {deb} is not an absolute path")));
    }
    if runner.host.files.stat(path, true)?.is_none() {
        return Err(Stop::failed(format!("Unable to install package: there is no file {deb} on the host")));
    }
    let argv = ["dpkg-deb", "--field", deb, "Package", "Version"];
    let finished = runner.host.processes.run(&Command::reading(argv))?;
    if finished.status != 0 {
        let said = finished.stderr_text();
        // It is there for this run, and not for dpkg: an earlier task would write it.
        if said.contains("No such file") {
            return Err(Stop::Unknown { why: format!("what is in {deb} is known only when it is there") });
        }
        return Err(Stop::failed(format!("Unable to install package: {}", said.trim())));
    }
    let text = finished.stdout_text();
    let field = |wanted: &str| fields(&text).find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    let (Some(name), Some(version)) = (field("Package"), field("Version")) else {
        return Err(Stop::failed(format!("Unable to install package: {deb} does not say its name and version")));
    };
    let packages = runner.host.packages.packages()?;
    let installed = packages.iter().find(|package| package.name == name && package.state == PackageState::Installed);
    if let Some(package) = installed {
        let args = runner.args;
        match compare_versions(&version, &package.version) {
            Ordering::Equal if !args.force => return Ok(Outcome::ok().with("stdout", "").with("stderr", "")),
            Ordering::Less if !(args.force || args.allow_downgrade) => {
                return Err(Stop::failed(format!(
                    "A later version is already installed: {name} {}, and {deb} has {version}",
                    package.version
                )));
            }
            _ => {}
        }
    }
    runner.settle(&runner.bringing("install", &[], &[deb.to_owned()]))
}

//! `python` and `python_version`: the Python that the host has, found without running it. The agent needs none; plays ask
//! for its version to choose the names of packages.

use super::probe::Probe;
use serde_json::{Map, Value, json};

/// The facts; none where the host has no Python. The last number of the version is known where the package manager's
/// records tell it, else it is left out.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let Some((path, major, minor)) = find(probe) else { return Map::new() };
    let micro = micro(probe, major, minor);
    let mut version = json!({"major": major, "minor": minor, "releaselevel": "final", "serial": 0});
    let mut info = vec![json!(major), json!(minor)];
    let mut text = format!("{major}.{minor}");
    if let Some(micro) = micro {
        version["micro"] = micro.into();
        info.extend([json!(micro), json!("final"), json!(0)]);
        text.push_str(&format!(".{micro}"));
    }
    let python = json!({
        "executable": path,
        "has_sslcontext": (major, minor) >= (2, 7),
        "type": "cpython",
        "version": version,
        "version_info": info,
    });
    Map::from_iter([("python".to_owned(), python), ("python_version".to_owned(), text.into())])
}

/// The interpreter that Ansible would choose first, and its version by the name that its links end at.
fn find(probe: &Probe<'_>) -> Option<(String, u32, u32)> {
    let names = ["python3", "platform-python", "python", "python2"];
    names
        .iter()
        .flat_map(|name| ["/usr/bin", "/usr/local/bin", "/usr/libexec"].map(|dir| format!("{dir}/{name}")))
        .find_map(|path| {
            probe.exists(&path).then_some(())?;
            let real = probe.host.files.canonical(path.as_ref()).ok()?;
            let version = real.file_name()?.to_str()?.strip_prefix("platform-").unwrap_or(real.file_name()?.to_str()?);
            let (major, minor) = version.strip_prefix("python")?.split_once('.')?;
            Some((path.clone(), major.parse().ok()?, minor.parse().ok()?))
        })
}

/// The last number, off the version of the package that the interpreter belongs to.
fn micro(probe: &Probe<'_>, major: u32, minor: u32) -> Option<u32> {
    let version = probe.host.packages.package(&format!("python{major}.{minor}-minimal")).ok()??.version;
    let rest = version.strip_prefix(&format!("{major}.{minor}."))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

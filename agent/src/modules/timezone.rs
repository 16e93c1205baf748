//! `timezone`: the host's time zone, and whether its hardware clock follows it.

use super::file_content::put_link;
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Command, Finished, Foresight, Host, HostResult, WriteOptions};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::path::Path;

choices! {
    /// What the hardware clock keeps.
    pub enum Hwclock {
        /// The local time.
        Local = "local",
        /// UTC.
        Utc = "UTC",
    }
}

args! {
    /// What `timezone` takes.
    pub struct Args {
        /// The zone: `Europe/Vienna`.
        name: Option<String>,
        /// What the hardware clock keeps.
        [aliases = ["rtc"]]
        hwclock: Option<Hwclock>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "timezone",
    aliases: &["community.general.timezone"],
    summary: "Set the time zone",
    args: Args::specs,
    rules: &[Rule::RequiredOneOf(&["name", "hwclock"])],
    free_form: None,
    run: Some(run),
};

const ZONES: &str = "/usr/share/zoneinfo";
const LOCALTIME: &str = "/etc/localtime";
const TIMEZONE: &str = "/etc/timezone";
const ADJTIME: &str = "/etc/adjtime";

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    if args.name.is_none() && args.hwclock.is_none() {
        return Err(Stop::failed("one of the following is required: name, hwclock"));
    }
    let systemd = host.units.manager()? == "systemd" && host.processes.which("timedatectl")?.is_some();
    let (mut before, mut after, mut said) = (String::new(), String::new(), Vec::new());
    if let Some(zone) = &args.name {
        let now = zone_of(host)?;
        if host.files.stat(&Path::new(ZONES).join(zone), true)?.is_none() || zone.contains("..") {
            return Err(Stop::failed(format!(
                "there is no {ZONES}/{zone}: the package tzdata is missing, or the name of the zone is wrong"
            )));
        }
        if now != *zone {
            said.extend(set_zone(host, zone, systemd)?);
            before += &format!("name: {now}\n");
            after += &format!("name: {zone}\n");
        }
    }
    if let Some(wanted) = args.hwclock {
        let now = clock_of(host)?;
        if now != wanted {
            said.push(set_clock(host, wanted, systemd)?);
            before += &format!("hwclock: {}\n", now.word());
            after += &format!("hwclock: {}\n", wanted.word());
        }
    }
    let mut outcome = Outcome::changed(before != after).with("msg", said.join("\n"));
    if outcome.changed {
        outcome = outcome.with_diff(Diff::text("time zone", &before, &after));
    }
    Ok(outcome)
}

fn text(host: &Host<'_>, path: &str) -> HostResult<Option<String>> {
    match host.files.read(Path::new(path)) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The zone: what `/etc/localtime` points to, else what `/etc/timezone` says.
fn zone_of(host: &Host<'_>) -> HostResult<String> {
    let link = host.files.stat(Path::new(LOCALTIME), false)?;
    if link.is_some_and(|stat| stat.kind == crate::host::Kind::Link) {
        let target = host.files.read_link(Path::new(LOCALTIME))?;
        let target = target.to_string_lossy();
        if let Some((_, zone)) = target.split_once("zoneinfo/") {
            return Ok(zone.to_owned());
        }
    }
    Ok(text(host, TIMEZONE)?.map_or_else(|| "UTC".to_owned(), |zone| zone.trim().to_owned()))
}

/// What the hardware clock keeps: the third line of adjtime(5).
fn clock_of(host: &Host<'_>) -> HostResult<Hwclock> {
    let text = text(host, ADJTIME)?.unwrap_or_default();
    Ok(if text.lines().nth(2).is_some_and(|line| line.trim() == "LOCAL") { Hwclock::Local } else { Hwclock::Utc })
}

fn set_zone(host: &Host<'_>, zone: &str, systemd: bool) -> Result<Vec<String>, Stop> {
    let put = |target: String| -> HostResult<()> {
        put_link(host, Path::new(LOCALTIME), Path::new(&target))?;
        // Debian keeps the name there, too.
        if host.files.stat(Path::new(TIMEZONE), true)?.is_some() {
            host.files.write(Path::new(TIMEZONE), format!("{zone}\n").as_bytes(), &WriteOptions::default())?;
        }
        Ok(())
    };
    if !systemd {
        put(format!("{ZONES}/{zone}"))?;
        return Ok(Vec::new());
    }
    perform(host, &["timedatectl", "set-timezone", zone], &|_| put(format!("..{ZONES}/{zone}"))).map(|said| vec![said])
}

fn set_clock(host: &Host<'_>, wanted: Hwclock, systemd: bool) -> Result<String, Stop> {
    let local = wanted == Hwclock::Local;
    let argv: &[&str] = match (systemd, local) {
        (true, true) => &["timedatectl", "set-local-rtc", "yes"],
        (true, false) => &["timedatectl", "set-local-rtc", "no"],
        (false, true) => &["hwclock", "--systohc", "--localtime"],
        (false, false) => &["hwclock", "--systohc", "--utc"],
    };
    perform(host, argv, &|_| {
        let word = if local { "LOCAL" } else { "UTC" };
        host.files.write(Path::new(ADJTIME), format!("0.0 0 0\n0\n{word}\n").as_bytes(), &WriteOptions::default())
    })
}

/// Runs a command, and tells of it.
fn perform(host: &Host<'_>, argv: &[&str], foresee: &dyn Fn(&dyn Foresight) -> HostResult<()>) -> Result<String, Stop> {
    let shown = argv.join(" ");
    let command = Command::changing(argv.iter().copied(), format!("what `{shown}` does"));
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("setting the time zone")?;
        foresee(foresight).map(|()| Finished::saying(""))
    })?;
    match finished.status {
        0 => Ok(format!("executed `{shown}`")),
        status => Err(Stop::failed(format!("`{shown}` ended with status {status}: {}", finished.stderr_text().trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::shadow::Shadow;
    use serde_json::json;

    #[test]
    fn a_zone_that_is_foreseen_is_the_zone_for_later_tasks() {
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        let zone = Path::new("/usr/share/zoneinfo/Asia/Tokyo");
        if host.accounts.whoami().unwrap().uid != 0 || !zone.exists() {
            return;
        }
        let live = std::fs::read_link(LOCALTIME).ok();
        let args = json!({"name": "Asia/Tokyo"});
        let call = |args: &serde_json::Value| run(&Call::new(args.as_object().unwrap(), &host));
        assert!(call(&args).unwrap().changed && !call(&args).unwrap().changed);
        assert_eq!(std::fs::read_link(LOCALTIME).ok(), live);
        assert!(call(&json!({"name": "Nowhere/Else"})).is_err());
    }
}

//! `locale_gen`: locales of Debian and its kin.

use super::file_content::content_diff;
use super::lineinfile::State;
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::{Command, Finished, Host, HostResult, WriteOptions};
use crate::outcome::{ModuleResult, Outcome, Stop};
use std::path::Path;

args! {
    /// What `locale_gen` takes.
    pub struct Args {
        /// The locales: `de_AT.UTF-8`.
        name: Vec<String>,
        /// Whether they are to be there.
        state: State = State::Present,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "locale_gen",
    aliases: &["community.general.locale_gen"],
    summary: "Make locales, or remove them",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

const LIST: &str = "/etc/locale.gen";
const SUPPORTED: &str = "/usr/share/i18n/SUPPORTED";

/// A locale's name as `locale -a` writes it.
fn normal(name: &str) -> String {
    match name.split_once('.') {
        Some((language, charset)) => {
            let (charset, modifier) = match charset.split_once('@') {
                Some((charset, modifier)) => (charset, format!("@{modifier}")),
                None => (charset, String::new()),
            };
            format!("{language}.{}{modifier}", charset.to_lowercase().replace('-', ""))
        }
        None => name.to_owned(),
    }
}

/// The locale of a line of the list, and whether it is commented out.
fn entry(line: &str) -> Option<(&str, bool)> {
    let line = line.trim();
    let bare = line.trim_start_matches('#').trim();
    let mut words = bare.split_whitespace();
    let name = words.next()?;
    // A locale, its character set, and nothing else: other lines are comments.
    let charset = words.next().filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))?;
    (words.next().is_none() && !charset.is_empty() && name.contains('_')).then_some((name, line.starts_with('#')))
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let present = args.state == State::Present;
    let list = match host.files.read(Path::new(LIST)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.is_not_found() => {
            return Err(Stop::failed(format!("there is no {LIST} on this host; install the package locales")));
        }
        Err(error) => return Err(error.into()),
    };
    let supported = match host.files.read(Path::new(SUPPORTED)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Err(error.into()),
    };
    let known = |name: &str| {
        list.lines().chain(supported.lines()).filter_map(entry).any(|(there, _)| normal(there) == normal(name))
    };
    let missing: Vec<&str> = args.name.iter().map(String::as_str).filter(|name| !known(name)).collect();
    if !missing.is_empty() {
        return Err(Stop::failed(format!(
            "The following locales you have entered are not available on your system: {}",
            missing.join(", ")
        )));
    }
    let there = made(host)?;
    let is_made = |name: &String| there.contains(&normal(name));
    let mut outcome =
        Outcome::changed(!args.name.iter().all(|name| is_made(name) == present)).with("mechanism", "glibc");
    if outcome.changed {
        let after = edit(&list, &supported, &args.name, present);
        if after != list {
            host.files.write(Path::new(LIST), after.as_bytes(), &WriteOptions::default())?;
            if call.diff {
                outcome = outcome.with_diff(content_diff(LIST, LIST, Some(list.as_bytes()), Some(after.as_bytes())));
            }
        }
        generate(host, &there, &args.name, present)?;
    }
    Ok(outcome.with("name", args.name))
}

/// The locales that are there.
fn made(host: &Host<'_>) -> HostResult<Vec<String>> {
    let finished = host.processes.run(&Command::reading(["locale", "-a"]))?;
    Ok(finished.stdout_text().lines().map(normal).collect())
}

/// The list with these locales in it, or commented out.
fn edit(list: &str, supported: &str, names: &[String], present: bool) -> String {
    let wanted = |there: &str| names.iter().any(|name| normal(name) == normal(there));
    let mut out: String = list
        .split_inclusive('\n')
        .map(|line| match entry(line) {
            Some((name, true)) if present && wanted(name) => {
                line.trim_start().trim_start_matches('#').trim_start().to_owned()
            }
            Some((name, false)) if !present && wanted(name) => format!("# {line}"),
            _ => line.to_owned(),
        })
        .collect();
    for name in names.iter().filter(|_| present) {
        let has = |text: &str| text.lines().filter_map(entry).any(|(there, off)| !off && normal(there) == normal(name));
        if has(&out) {
            continue;
        }
        let line = supported.lines().find(|line| entry(line).is_some_and(|(there, _)| normal(there) == normal(name)));
        if let Some(line) = line {
            out.push_str(if out.is_empty() || out.ends_with('\n') { "" } else { "\n" });
            out.push_str(&format!("{}\n", line.trim()));
        }
    }
    out
}

fn generate(host: &Host<'_>, there: &[String], names: &[String], present: bool) -> Result<(), Stop> {
    let mut command = Command::changing(["locale-gen"], "which locales locale-gen makes");
    command.streamed = true;
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("locale-gen")?;
        let mut after: Vec<String> = there.to_vec();
        after.retain(|made| present || !names.iter().any(|name| normal(name) == *made));
        after.extend(names.iter().filter(|_| present).map(|name| normal(name)));
        foresight.program_says(&["locale", "-a"], Finished::saying(after.join("\n") + "\n"))?;
        let archive = Path::new("/usr/lib/locale/locale-archive");
        if host.files.stat(archive, true)?.is_some() {
            foresight.hide(archive, true, "what locale-gen writes there")?;
        }
        Ok(Finished::saying(""))
    })?;
    match finished.status {
        0 => Ok(()),
        _ => Err(Stop::failed(format!("locale-gen failed: {}", finished.stderr_text().trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_locale() {
        assert_eq!(normal("de_AT.UTF-8"), "de_AT.utf8");
        assert_eq!(normal("sr_RS.UTF-8@latin"), "sr_RS.utf8@latin");
        assert_eq!(entry("# en_US.UTF-8 UTF-8  \n"), Some(("en_US.UTF-8", true)));
        assert_eq!(entry("# This file lists locales that you wish to have built."), None);
    }

    #[test]
    fn lines_are_switched_on_and_off_and_added() {
        let list = "# en_US.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n";
        let supported = "de_AT.UTF-8 UTF-8\n";
        let names = |name: &str| vec![name.to_owned()];
        assert_eq!(edit(list, supported, &names("en_US.utf8"), true), "en_US.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n");
        assert_eq!(edit(list, supported, &names("de_DE.UTF-8"), false), "# en_US.UTF-8 UTF-8\n# de_DE.UTF-8 UTF-8\n");
        assert_eq!(edit(list, supported, &names("de_AT.UTF-8"), true), format!("{list}de_AT.UTF-8 UTF-8\n"));
    }
}

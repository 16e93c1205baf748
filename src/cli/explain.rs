//! `refit explain`: why a variable has its value, why a task would be skipped.

use super::args::ExplainArgs;
use super::ground::{Ground, refuse};
use super::print;
use crate::actions::Interrupts;
use crate::connection::{Pool, Program};
use crate::diagnostic::Diagnostic;
use crate::engine::{self, ExplainedTask, ExplainedVariable, RunOptions, SetAt, Skip, Tools, What};
use crate::event::{EventKind, Sink};
use crate::secrets::Secrets;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Explains what was asked for. The exit code.
pub(super) fn explain(args: &ExplainArgs) -> anyhow::Result<u8> {
    let Ground { settings, vault, secrets } = match Ground::open(&args.fleet)? {
        Ok(ground) => ground,
        Err(code) => return Ok(code),
    };
    let what = if args.playbook.is_empty() {
        let pattern = args.host.clone().unwrap_or_default();
        What::Task { pattern, module: "debug".to_owned(), args: String::new() }
    } else {
        What::Playbooks(args.playbook.clone())
    };
    let options = RunOptions {
        fleet: args.fleet.fleet(args.playbook_dir.clone()),
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        check: true,
        ..RunOptions::of(what)
    };
    let told = Arc::new(Told::default());
    let tools = Tools {
        foresight: None,
        settings,
        sink: told.clone(),
        secrets: secrets.clone(),
        vault,
        links: Arc::new(Pool::new(Program::embedded(), 1)),
        interrupts: Arc::new(Interrupts::default()),
    };
    let ready = match engine::prepare(options, tools) {
        Ok(ready) => ready,
        Err(problems) => return Ok(refuse(&problems)),
    };
    super::ground::warn(&ready.warnings.0);
    let task = args.task.as_deref();
    let explained = match (&args.host, &args.variable) {
        (Some(host), Some(variable)) => engine::explain_variable(&ready, host, variable, task)
            .and_then(|all| if args.json { json(&all) } else { Ok(variables(&all)) }),
        _ => engine::explain_task(&ready, task.unwrap_or_default()).and_then(|(mut all, missed)| {
            all.retain(|one| args.host.as_ref().is_none_or(|host| one.host == *host));
            if args.json { json(&all) } else { Ok(tasks(&all, &missed)) }
        }),
    };
    told.print();
    match explained {
        Ok(text) => print(&secrets.mask(&text)).map(|()| 0),
        Err(problem) => Ok(refuse_masked(problem, &secrets)),
    }
}

fn refuse_masked(problem: Diagnostic, secrets: &Secrets) -> u8 {
    refuse(&Diagnostic { message: secrets.mask(&problem.message), ..problem }.into())
}

fn json<T: serde::Serialize>(all: &T) -> Result<String, Diagnostic> {
    let text = serde_json::to_string_pretty(all).map_err(|error| Diagnostic::plain(error.to_string()))?;
    Ok(text + "\n")
}

/// Warnings and errors of what is looked at; the rest of a run's events tells nothing here.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Sink for Told {
    fn emit(&self, kind: EventKind) {
        let (EventKind::Warning { message, .. } | EventKind::Error { message }) = kind else { return };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&message) {
            told.push(message);
        }
    }
}

impl Told {
    fn print(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .for_each(|message| eprintln!("warning: {message}"));
    }
}

fn variables(all: &[ExplainedVariable]) -> String {
    let mut text = String::new();
    for one in all {
        if !text.is_empty() {
            text.push('\n');
        }
        let at = one.at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
        let _ = match &one.value {
            Ok(value) => writeln!(text, "{} = {value}   ({}{at})", one.name, one.host),
            Err(why) => writeln!(text, "{} has no value ({}{at}): {why}", one.name, one.host),
        };
        if let Some((first, hidden)) = one.set.split_first() {
            let _ = writeln!(text, "  set by     {}", shown(first));
            for (name, place) in &one.made_of {
                let _ = writeln!(text, "    with {name}: {}", shown(place));
            }
            for place in hidden {
                let _ = writeln!(text, "  overrides  {}", shown(place));
            }
            for place in &one.overriding {
                let _ = writeln!(text, "  overridden by  {}", shown(place));
            }
            let above = engine::levels_above(first.level);
            if !above.is_empty() {
                let _ = writeln!(text, "  anything of these would override it: {}", above.join("; "));
            }
        } else {
            for place in &one.overriding {
                let _ = writeln!(text, "  would be set by  {}", shown(place));
            }
        }
        missed(&mut text, &one.missed);
    }
    text
}

fn shown(place: &SetAt) -> String {
    let at = place.place.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    let written =
        place.written.as_ref().map(|written| format!("   {}", written.replace('\n', "\\n"))).unwrap_or_default();
    format!("{at}{}{written}", place.by)
}

/// Hosts of which the same is to be said together.
fn tasks(all: &[ExplainedTask], not_seen: &[String]) -> String {
    let mut groups: Vec<(&ExplainedTask, Vec<&str>)> = Vec::new();
    for one in all {
        let same = |other: &ExplainedTask| {
            (&other.place, &other.play, &other.skip, &other.looked_at)
                == (&one.place, &one.play, &one.skip, &one.looked_at)
        };
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, hosts)) if hosts.contains(&one.host.as_str()) => {}
            Some((_, hosts)) => hosts.push(&one.host),
            None => groups.push((one, vec![&one.host])),
        }
    }
    let mut text = String::new();
    let mut heading = String::new();
    for (one, hosts) in groups {
        let now = format!("{} ({}), play `{}`\n", one.task, one.place, one.play);
        if now != heading {
            text.push_str(&now);
            if let Some(also) = &one.also {
                let _ = writeln!(text, "  {also}");
            }
            heading = now;
        }
        let hosts = hosts.join(", ");
        let at = |place: &Option<String>| place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let _ = match &one.skip {
            Skip::Runs => writeln!(text, "  {hosts}: runs"),
            Skip::Skipped { why, place } => writeln!(text, "  {hosts}: skipped\n    {}{why}", at(place)),
            Skip::Unknown { why, place } => {
                writeln!(text, "  {hosts}: only the run can tell\n    {}{why}", at(place))
            }
            Skip::Fails { why } => writeln!(text, "  {hosts}: fails\n    {why}"),
        };
        for (name, at) in &one.looked_at {
            let _ = writeln!(text, "    {name}: {at}");
        }
    }
    missed(&mut text, not_seen);
    text
}

fn missed(text: &mut String, missed: &[String]) {
    for what in missed {
        let _ = writeln!(text, "  not looked into: {what}");
    }
}

//! `refit apply`: carries out the plan that was approved, or nothing.

use super::args::{ApplyArgs, Cli, Command, Format, PlanArgs};
use super::ground::Ground;
use super::plan::read_saved;
use super::{Shown, execute, print, prompt};
use crate::engine::{Foresight, RunOptions, glob};
use crate::plan::{
    Deviation, Difference, Expectation, Inputs, Pair, Plan, SavedPlan, SharedReader, differing, sources,
};
use crate::report::{Sides, drift_text};
use crate::secrets::MASK;
use anyhow::Context;
use clap::Parser;
use indexmap::IndexMap;
use std::sync::Arc;

/// The exit code where what would happen is not what was approved: nothing was changed.
const DRIFT: u8 = 3;

/// Plans again, compares with what was approved, and runs. The exit code.
pub(super) fn apply(args: &ApplyArgs, typed: Vec<String>) -> anyhow::Result<u8> {
    let approved = read_saved(&args.plan, args.require_signature.as_deref())?;
    let replayed = replayed(&approved.inputs, args)?;
    let fleet = replayed.body.fleet.clone();
    let mut options = replayed.body.options(replayed.playbooks, typed, &mut prompt::ask)?;
    options.diff = true;
    let ground = match Ground::open(&fleet)? {
        Ok(ground) => ground,
        Err(code) => return Ok(code),
    };

    eprintln!("planning again, to compare with {}", args.plan.display());
    let (code, now) = plan_again(&ground, &options, args)?;
    if now.run.is_empty() || code == 99 || now.exit_code.is_none_or(|code| code == 1) {
        eprintln!("refit: the hosts could not be planned again, so nothing was changed");
        return Ok(if code == 0 { 1 } else { code });
    }
    let sources = sources(&options, &now, ground.vault.read_files()).context("the sources can't be read")?;
    let changed = differing(&approved.inputs.sources, &sources);
    if !changed.is_empty() {
        let list: String = changed.iter().map(|line| format!("  {line}\n")).collect();
        eprint!("the plan was made of other files than there are now; make a new one. Nothing was changed.\n{list}");
        return Ok(DRIFT);
    }
    if !accepted(&approved, &now, args)? {
        return Ok(DRIFT);
    }

    let expectation = Arc::new(Expectation::of(&now));
    options.run = crate::event::run_name();
    options.check = false;
    options.plan = Some(std::path::absolute(&args.plan).unwrap_or_else(|_| args.plan.clone()).display().to_string());
    let shown = Shown::new(args.output, args.verbose, args.diff_context);
    let reader = SharedReader::default();
    let foresight: Arc<dyn Foresight> = expectation.clone();
    let code = execute::run_on(ground, options, shown, vec![Box::new(reader.clone())], Some(foresight))?;
    let done = reader.take();
    let mut deviations = expectation.deviations();
    deviations.extend(never_run(&now, &done));
    conclude(&done, &deviations, args.output)?;
    Ok(code)
}

/// The options that the plan was made with.
fn replayed(inputs: &Inputs, args: &ApplyArgs) -> anyhow::Result<PlanArgs> {
    let mut words = vec!["refit".to_owned()];
    let mut withheld = false;
    let mut rest = inputs.arguments.iter();
    while let Some(word) = rest.next() {
        if matches!(word.as_str(), "-e" | "--extra-vars") {
            match rest.next() {
                Some(value) if value.contains(MASK) => withheld = true,
                Some(value) => words.extend([word.clone(), value.clone()]),
                None => {}
            }
        } else if word.contains(MASK) {
            withheld = true;
        } else {
            words.push(word.clone());
        }
    }
    if withheld && args.extra_vars.is_empty() {
        anyhow::bail!(
            "the plan was made with variables that hold secrets, which it does not keep: give them again with -e"
        );
    }
    for vars in &args.extra_vars {
        words.extend(["-e".to_owned(), vars.clone()]);
    }
    let parsed = Cli::try_parse_from(&words).map_err(|error| anyhow::anyhow!("the plan's command line: {error}"))?;
    let Command::Plan(replayed) = parsed.command else { anyhow::bail!("the plan's command line makes no plan") };
    let missing = replayed.playbooks.iter().find(|path| !path.exists());
    if let Some(missing) = missing {
        anyhow::bail!("there is no {}; the plan was made in {}: apply it there", missing.display(), inputs.directory);
    }
    Ok(*replayed)
}

fn plan_again(ground: &Ground, options: &RunOptions, args: &ApplyArgs) -> anyhow::Result<(u8, Plan)> {
    let mut shown = Shown::new(Format::Human, args.verbose, args.diff_context);
    shown.silent = true;
    let reader = SharedReader::default();
    let mut options = options.clone();
    options.check = true;
    let code = execute::run_on(ground.clone(), options, shown, vec![Box::new(reader.clone())], None)?;
    let mut plan = reader.take();
    plan.mask(&ground.secrets);
    Ok((code, plan))
}

/// Whether each host's plan is what was approved, or its drift was accepted. Otherwise the differences are shown.
fn accepted(approved: &SavedPlan, now: &Plan, args: &ApplyArgs) -> anyhow::Result<bool> {
    let pair = Pair { first: &approved.plan, second: now };
    let drift: IndexMap<&str, Vec<Difference<'_>>> = pair.differences();
    let is_accepted = |host: &str| args.accept_drift.iter().any(|pattern| glob(pattern, host));
    let refused: IndexMap<&str, Vec<Difference<'_>>> =
        drift.iter().filter(|(host, _)| !is_accepted(host)).map(|(host, found)| (*host, found.clone())).collect();
    if !drift.is_empty() {
        let sides = Sides { first: "approved", second: "now" };
        let shown = if refused.is_empty() { &drift } else { &refused };
        print(&drift_text(&pair, shown, sides, args.diff_context, console::colors_enabled()))?;
    }
    if refused.is_empty() {
        return Ok(true);
    }
    eprintln!(
        "what would happen now on {} of {} hosts is not what was approved. Nothing was changed. Make a new plan, or accept \
         these hosts by name with --accept-drift",
        refused.len(),
        now.hosts.len()
    );
    Ok(false)
}

/// Changes that were planned and that no task came to make.
fn never_run(planned: &Plan, done: &Plan) -> Vec<Deviation> {
    let pair = Pair { first: planned, second: done };
    let differences = pair.differences();
    let missing = differences.iter().flat_map(|(host, found)| {
        found.iter().filter(|difference| difference.is_missing_change()).map(move |difference| Deviation {
            host: (*host).to_owned(),
            task: format!("{} ({})", difference.task.title(), difference.task.at()),
            what: "a change was planned, and the task was not come to".to_owned(),
        })
    });
    missing.collect()
}

fn conclude(done: &Plan, deviations: &[Deviation], output: Format) -> anyhow::Result<()> {
    let hosts: std::collections::HashSet<&str> = deviations.iter().map(|deviation| deviation.host.as_str()).collect();
    let as_planned = done.hosts.keys().filter(|host| !hosts.contains(host.as_str())).count();
    let noun = if as_planned == 1 { "host" } else { "hosts" };
    let text = match deviations {
        [] => format!("as planned on {as_planned} {noun}; deviations: none\n"),
        some => {
            let lines = some.iter().map(|d| format!("  {}: {}: {}\n", d.host, d.task, d.what));
            format!("as planned on {as_planned} {noun}; deviations:\n{}", lines.collect::<String>())
        }
    };
    match output {
        Format::Human => print(&text),
        // Standard output is the document's.
        _ => {
            eprint!("{text}");
            Ok(())
        }
    }
}

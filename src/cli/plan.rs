//! `refit plan`, `refit show`, `refit report`.

use super::args::{Format, PlanArgs, PlanLookArgs, ReportArgs, ShowArgs};
use super::ground::Ground;
use super::{Shown, execute, pager, print, prompt};
use crate::connection::Program;
use crate::engine::glob;
use crate::event::RunMode;
use crate::plan::{Changes, Inputs, Pair, Plan, PlanReader, SavedPlan, SharedReader, Signer, Summary, sources};
use crate::report::{PlanLook, Sides, drift_text, plan_html, plan_json, plan_text};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Makes a plan and shows it. The exit code.
pub(super) fn plan(args: PlanArgs, typed: Vec<String>) -> anyhow::Result<u8> {
    let signer = args.sign.as_deref().map(Signer::of_file).transpose().map_err(|why| anyhow::anyhow!(why))?;
    let mut shown = Shown::new(args.look.output, args.body.fleet.verbose, args.look.diff_context);
    shown.silent = matches!(args.look.output, Format::Human | Format::Json);
    let mut options = args.body.options(args.playbooks, typed.clone(), &mut prompt::ask)?;
    options.check = true;
    options.diff = true;
    let ground = match Ground::open(&args.body.fleet)? {
        Ok(ground) => ground,
        Err(code) => return Ok(code),
    };
    let reader = SharedReader::default();
    let listing = options.list_only.any();
    let code = execute::run_on(ground.clone(), options.clone(), shown, vec![Box::new(reader.clone())], None)?;
    let mut plan = reader.take();
    if listing || plan.run.is_empty() {
        return Ok(code);
    }
    plan.mask(&ground.secrets);
    if matches!(args.look.output, Format::Human | Format::Json) {
        show_plan(&plan, &args.look, args.body.fleet.verbose, current_directory()?)?;
    }
    let result = if args.detailed_exitcode { detailed(&plan, code) } else { code };
    if let Some(path) = &args.out {
        if code == 99 || plan.exit_code.is_none_or(|code| code == 1) {
            anyhow::bail!("the plan did not come to its end, so it is not saved");
        }
        let arguments = typed.iter().skip(1).map(|word| ground.secrets.mask(word)).collect();
        let inputs = Inputs {
            arguments,
            directory: current_directory()?.display().to_string(),
            sources: sources(&options, &plan, ground.vault.read_files()).context("the plan's sources can't be read")?,
            agents: Program::embedded().into_iter().map(|program| (program.machine, program.sha256)).collect(),
        };
        let saved = SavedPlan { inputs, plan };
        saved.write(path, signer.as_ref()).with_context(|| format!("the plan can't be saved in {}", path.display()))?;
        eprintln!("saved in {}; carry it out with: refit apply {}", path.display(), path.display());
    }
    Ok(result)
}

fn current_directory() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("no current directory")
}

/// The directory from which a saved plan's places are told: where it was made, else its first playbook's.
fn root(saved: &SavedPlan) -> PathBuf {
    let made_in = PathBuf::from(&saved.inputs.directory);
    let playbook = saved.plan.plays.first().map(|play| PathBuf::from(&play.place.file));
    match playbook.as_deref().and_then(Path::parent) {
        Some(parent) if !parent.starts_with(&made_in) => parent.to_owned(),
        _ => made_in,
    }
}

/// Shows a plan, as text or as JSON. Places below `root` are told from there.
fn show_plan(plan: &Plan, look: &PlanLookArgs, verbosity: u8, root: PathBuf) -> anyhow::Result<()> {
    let wanted = wanted(look);
    if look.output == Format::Json {
        return print(&plan_json(plan, wanted)?);
    }
    pager::show(&plan_text(plan, wanted, &settings(look, verbosity, root)))
}

fn wanted(look: &PlanLookArgs) -> impl Fn(&str) -> bool {
    |host: &str| look.hosts.is_empty() || look.hosts.iter().any(|pattern| glob(pattern, host))
}

fn settings(look: &PlanLookArgs, verbosity: u8, root: PathBuf) -> PlanLook {
    PlanLook {
        context: look.diff_context,
        colour: console::colors_enabled(),
        everything: verbosity > 0,
        only: look.only,
        root,
    }
}

/// The exit code of `--detailed-exitcode`. `code` is that of the dry run: an interrupted one says nothing of what is to do.
fn detailed(plan: &Plan, code: u8) -> u8 {
    if code == 99 {
        return code;
    }
    let broken = plan.exit_code.is_none_or(|code| code == 1) || !plan.errors.is_empty();
    let summary = Summary::of(plan, &Changes::of(plan, |_| true));
    u8::try_from(summary.exit_code(broken)).unwrap_or(1)
}

/// Reads a saved plan; tells who signed it where that was asked for.
pub(super) fn read_saved(path: &Path, allowed: Option<&Path>) -> anyhow::Result<SavedPlan> {
    let (saved, signer) = SavedPlan::read(path, allowed).with_context(|| path.display().to_string())?;
    if let Some(signer) = signer {
        eprintln!("{} is signed by {signer}", path.display());
    }
    Ok(saved)
}

/// Shows a saved plan; no host is contacted.
pub(super) fn show(args: &ShowArgs) -> anyhow::Result<u8> {
    let saved = read_saved(&args.plan, args.require_signature.as_deref())?;
    match &args.html {
        Some(path) => write_html(path, &plan_html(&saved.plan, None, &root(&saved))?)?,
        None => show_plan(&saved.plan, &args.look, args.verbose, root(&saved))?,
    }
    Ok(0)
}

fn write_html(path: &Path, page: &str) -> anyhow::Result<()> {
    std::fs::write(path, page).with_context(|| format!("can't write {}", path.display()))?;
    eprintln!("written to {}", path.display());
    Ok(())
}

/// Shows what a run did, beside what was planned where that is known.
pub(super) fn report(args: &ReportArgs) -> anyhow::Result<u8> {
    let path = journal_of(&args.run)?;
    let file = std::fs::File::open(&path).with_context(|| format!("can't read {}", path.display()))?;
    let events = crate::journal::read(std::io::BufReader::new(file)).with_context(|| path.display().to_string())?;
    let done = PlanReader::read(&events);
    let planned = match (&args.plan, &done.carries_out) {
        (Some(path), _) => Some(read_saved(path, None)?),
        (None, Some(path)) => match SavedPlan::read(Path::new(path), None) {
            Ok((saved, _)) => Some(saved),
            Err(error) => {
                eprintln!("warning: the plan {path}, which this run carried out, is not set beside it: {error}");
                None
            }
        },
        (None, None) => None,
    };
    let planned = planned.as_ref().map(|saved| &saved.plan);
    if let Some(path) = &args.html {
        write_html(path, &plan_html(&done, planned, &current_directory()?)?)?;
        return Ok(0);
    }
    show_plan(&done, &args.look, args.verbose, current_directory()?)?;
    if let (Some(planned), RunMode::Live, Format::Human) = (planned, done.mode, args.look.output) {
        print(&beside(planned, &done, args.look.diff_context))?;
    }
    Ok(0)
}

/// Where what was done differs from what was planned.
fn beside(planned: &Plan, done: &Plan, context: usize) -> String {
    let pair = Pair { first: planned, second: done };
    let mut differences = pair.differences();
    // What was said to be known only when it runs is no deviation.
    for found in differences.values_mut() {
        found.retain(|difference| !difference.is_excused());
    }
    differences.retain(|_, found| !found.is_empty());
    if differences.is_empty() {
        return format!("as planned on {} hosts; deviations: none\n", done.hosts.len());
    }
    let sides = Sides { first: "planned", second: "done" };
    let as_planned = done.hosts.len().saturating_sub(differences.len());
    let text = drift_text(&pair, &differences, sides, context, console::colors_enabled());
    format!("as planned on {as_planned} hosts; deviations:\n{text}")
}

/// The journal's file of a run.
fn journal_of(run: &str) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from(run);
    if path.is_file() {
        return Ok(path);
    }
    let directory = crate::journal::directory(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))
        .context("neither XDG_STATE_HOME nor HOME says where journals are")?;
    let entries = std::fs::read_dir(&directory).with_context(|| format!("no journals in {}", directory.display()))?;
    // By when they were written last: names tell only the second in which a run began.
    let mut found: Vec<(Option<std::time::SystemTime>, String)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().to_str()?.strip_suffix(".ndjson")?.to_owned();
            Some((entry.metadata().ok().and_then(|meta| meta.modified().ok()), name))
        })
        .filter(|(_, name)| run == "last" || name.starts_with(run))
        .collect();
    found.sort();
    let names: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
    match names.as_slice() {
        [] => anyhow::bail!("there is no journal of a run `{run}` in {}", directory.display()),
        [.., newest] if run == "last" || names.len() == 1 => Ok(directory.join(format!("{newest}.ndjson"))),
        several => anyhow::bail!("several runs begin with `{run}`: {}", several.join(", ")),
    }
}

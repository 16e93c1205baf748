//! `refit plan`.

use super::args::{Format, PlanArgs, PlanLookArgs};
use super::{Shown, execute, pager, print, prompt};
use crate::engine::glob;
use crate::plan::{Changes, Plan, SharedReader, Summary};
use crate::report::{PlanLook, plan_json, plan_text};

/// Makes a plan and shows it. The exit code.
pub(super) fn plan(args: PlanArgs, typed: Vec<String>) -> anyhow::Result<u8> {
    let mut shown = Shown::new(args.look.output, args.body.fleet.verbose, args.look.diff_context);
    shown.silent = matches!(args.look.output, Format::Human | Format::Json);
    let mut options = args.body.options(args.playbooks, typed, &mut prompt::ask)?;
    options.check = true;
    options.diff = true;
    let reader = SharedReader::default();
    let listing = options.list_only.any();
    let code = execute::run_seen(options, &args.body.fleet, shown, vec![Box::new(reader.clone())])?;
    let plan = reader.take();
    if listing || plan.run.is_empty() {
        return Ok(code);
    }
    if matches!(args.look.output, Format::Human | Format::Json) {
        show(&plan, &args.look, args.body.fleet.verbose)?;
    }
    Ok(if args.detailed_exitcode { detailed(&plan, code) } else { code })
}

/// Shows a plan, as text or as JSON.
pub(super) fn show(plan: &Plan, look: &PlanLookArgs, verbosity: u8) -> anyhow::Result<()> {
    let wanted = |host: &str| look.hosts.is_empty() || look.hosts.iter().any(|pattern| glob(pattern, host));
    if look.output == Format::Json {
        return print(&plan_json(plan, wanted)?);
    }
    let settings = PlanLook {
        context: look.diff_context,
        colour: console::colors_enabled(),
        everything: verbosity > 0,
        only: look.only,
    };
    pager::show(&plan_text(plan, wanted, &settings))
}

/// The exit code of `--detailed-exitcode`. `code` is that of the dry run: an interrupted one says nothing of what is to do.
fn detailed(plan: &Plan, code: u8) -> u8 {
    let broken = plan.exit_code.is_none_or(|code| code == 1 || code == 99) || !plan.errors.is_empty();
    if code == 99 {
        return code;
    }
    let summary = Summary::of(plan, &Changes::of(plan, |_| true));
    u8::try_from(summary.exit_code(broken)).unwrap_or(1)
}

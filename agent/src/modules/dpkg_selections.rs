//! `dpkg_selections`: what dpkg is to do with a package: keep it, hold it at its version, remove it.

use super::{Call, Module};
use crate::args::Args as _;
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};

choices! {
    /// What dpkg is to do.
    pub enum Selection {
        /// Keep it installed.
        Install = "install",
        /// Keep it at its version.
        Hold = "hold",
        /// Remove it.
        Deinstall = "deinstall",
        /// Remove it with its configuration.
        Purge = "purge",
    }
}

args! {
    /// What `dpkg_selections` takes.
    pub struct Args {
        /// The package.
        name: String,
        /// What dpkg is to do with it.
        selection: Selection,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "dpkg_selections",
    aliases: &[],
    summary: "Hold packages, or let go of them",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let packages = call.host.packages;
    let Some(before) = packages.selection(&args.name)? else {
        return Err(Stop::failed(format!(
            "Failed to find package '{}' to perform selection '{}'.",
            args.name,
            args.selection.word()
        )));
    };
    let after = args.selection.word();
    let mut outcome = Outcome::changed(before != after);
    if outcome.changed {
        packages.select(&args.name, after)?;
        if call.diff {
            let line = |word: &str| format!("{word}\n");
            outcome =
                outcome.with_diff(Diff::text(&format!("selection of {}", args.name), &line(&before), &line(after)));
        }
    }
    Ok(outcome.with("before", before).with("after", after))
}

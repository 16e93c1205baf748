//! How two plans differ: what was approved, and what would happen now.

use super::text::text;
use crate::event::Status;
use crate::plan::{Difference, Pair, Plan, Step};
use crate::report::human::diff::{of_texts, printable};
use crate::report::human::hosts::compact;
use crate::report::human::look::Look;
use indexmap::IndexMap;
use serde_json::Value;

/// What the two sides are called.
#[derive(Clone, Copy, Debug)]
pub struct Sides {
    /// The first: `approved`, `planned`.
    pub first: &'static str,
    /// The second: `now`, `done`.
    pub second: &'static str,
}

/// The text of these differences, equal ones of several hosts once.
pub fn drift_text(
    pair: &Pair<'_>,
    differences: &IndexMap<&str, Vec<Difference<'_>>>,
    sides: Sides,
    context: usize,
    colour: bool,
) -> String {
    let look = Look::new(colour);
    let mut groups: IndexMap<Vec<String>, Vec<&str>> = IndexMap::new();
    for (host, found) in differences {
        let lines = found.iter().flat_map(|difference| lines(pair, difference, sides, context, &look)).collect();
        groups.entry(lines).or_default().push(host);
    }
    let mut page = String::new();
    for (lines, hosts) in groups {
        page.push_str(&format!("{}\n", look.strong.apply_to(compact(hosts.iter().copied()))));
        for line in lines {
            page.push_str(&format!("  {}\n", line.trim_end()));
        }
    }
    page
}

fn lines(pair: &Pair<'_>, difference: &Difference<'_>, sides: Sides, context: usize, look: &Look) -> Vec<String> {
    let task = format!("`{}` ({})", printable(&difference.task.title()), difference.task.at());
    let (first, second) = (said(difference.first), said(difference.second));
    let mut lines = vec![format!(
        "{task}: {}: {}, {}: {}",
        sides.first,
        look.removed.apply_to(first),
        sides.second,
        look.added.apply_to(second)
    )];
    let (Some(first), Some(second)) = (difference.first, difference.second) else { return lines };
    let before = |plan: &Plan, step: &Step, after: bool| -> IndexMap<String, String> {
        let texts = step.deltas.iter().map(|delta| {
            let side: &Value = plan.content(if after { delta.after } else { delta.before });
            (delta.subject.clone(), text(side))
        });
        texts.collect()
    };
    for (after, what) in [(false, "as it was found"), (true, "as it becomes")] {
        let (old, new) = (before(pair.first, first, after), before(pair.second, second, after));
        let subjects = old.keys().chain(new.keys().filter(|subject| !old.contains_key(*subject)));
        for subject in subjects {
            let (one, two) = (old.get(subject), new.get(subject));
            if one != two {
                let empty = String::new();
                lines.push(format!("  {} {what}", look.strong.apply_to(printable(subject))));
                let text = of_texts("", one.unwrap_or(&empty), two.unwrap_or(&empty), context, look);
                lines.extend(text.into_iter().map(|line| format!("    {line}")));
            }
        }
    }
    if lines.len() == 1 && first.digest != second.digest {
        lines.push("  another content, of which the part that differs is masked or not shown".to_owned());
    }
    lines
}

fn said(step: Option<&Step>) -> String {
    let Some(step) = step else { return "not there".to_owned() };
    let word = match step.status {
        Status::Ok => "ok",
        Status::Changed => "changed",
        Status::Skipped => "skipped",
        Status::Failed => "failed",
        Status::Unreachable => "unreachable",
        Status::Unknown => "may change",
    };
    match (&step.why, step.status) {
        (Some(why), Status::Failed | Status::Unreachable | Status::Unknown) => {
            format!("{word} ({})", printable(why.lines().next().unwrap_or_default()))
        }
        _ => word.to_owned(),
    }
}

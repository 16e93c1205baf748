//! Where tasks stand, as short as a reader needs it: below a directory that the reader knows, from there.

use crate::event::Place;
use crate::plan::Plan;
use indexmap::IndexMap;
use std::path::Path;

/// The files of a plan's tasks and plays, as they are shown.
pub struct Places {
    /// Those that are shown by another name than their own, with it.
    shown: IndexMap<String, String>,
}

impl Places {
    /// From this directory. Files that are not below it keep their whole paths.
    pub fn from(root: &Path, plan: &Plan) -> Places {
        let files = plan.tasks.iter().map(|task| &task.place).chain(plan.plays.iter().map(|play| &play.place));
        let shown = files.filter_map(|place| {
            let short = Path::new(&place.file).strip_prefix(root).ok()?.to_str()?;
            (!root.as_os_str().is_empty() && !short.is_empty()).then(|| (place.file.clone(), short.to_owned()))
        });
        Places { shown: shown.collect() }
    }

    /// `FILE:LINE`.
    pub fn at(&self, place: &Place) -> String {
        format!("{}:{}", self.shown.get(&place.file).unwrap_or(&place.file), place.line)
    }

    /// A text that tells of tasks by `FILE:LINE`.
    pub fn within(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (file, short) in &self.shown {
            if text.contains(file.as_str()) {
                text = text.replace(&format!("({file}:"), &format!("({short}:"));
            }
        }
        text
    }
}

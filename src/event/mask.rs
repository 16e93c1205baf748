//! Masks secrets in events. What identifies (hosts, files, numbers) stays; whatever holds text of playbooks and hosts is masked.

use super::{EventKind, TaskResult};
use crate::secrets::Secrets;
use serde_json::{Map, Value};

impl EventKind {
    /// Masks every secret in its texts.
    pub(super) fn mask(&mut self, secrets: &Secrets) {
        if secrets.is_empty() {
            return;
        }
        let text = |text: &mut String| *text = secrets.mask(text);
        match self {
            EventKind::RunStarted { command, .. } => command.iter_mut().for_each(text),
            EventKind::PlayStarted { name, .. } => text(name),
            EventKind::TaskStarted { name, args, .. } => {
                text(name);
                if let Some(args) = args {
                    secrets.mask_json(args);
                }
            }
            EventKind::Output { line, .. } => text(line),
            EventKind::Retry { result, .. }
            | EventKind::HostFinished { result, .. }
            | EventKind::HostsSkipped { result, .. } => result.mask(secrets),
            EventKind::ItemFinished { item, .. } => {
                secrets.mask_json(&mut item.label);
                item.result.mask(secrets);
            }
            EventKind::Included { what, label, .. } => {
                text(what);
                label.iter_mut().for_each(|label| secrets.mask_json(label));
            }
            EventKind::Notified { handlers, .. } => handlers.iter_mut().for_each(text),
            EventKind::PlayStopped { why, .. } | EventKind::Deviated { why, .. } => text(why),
            EventKind::Warning { message, .. } | EventKind::Error { message } => text(message),
            EventKind::RunFinished { not_attempted, owed_handlers, custom, .. } => {
                not_attempted.values_mut().for_each(text);
                owed_handlers.values_mut().flatten().for_each(text);
                mask_map(custom, secrets);
            }
            EventKind::PlaybookStarted { .. }
            | EventKind::NoHostsMatched { .. }
            | EventKind::BatchStarted { .. }
            | EventKind::HostStarted { .. }
            | EventKind::TaskFinished { .. }
            | EventKind::Interrupted { .. } => {}
        }
    }
}

impl TaskResult {
    fn mask(&mut self, secrets: &Secrets) {
        mask_map(&mut self.result, secrets);
        for diff in &mut self.diff {
            diff.file = secrets.mask(&diff.file);
            diff.before_header = secrets.mask(&diff.before_header);
            diff.after_header = secrets.mask(&diff.after_header);
            secrets.mask_json(&mut diff.before);
            secrets.mask_json(&mut diff.after);
        }
        if let Some(why) = &mut self.why {
            *why = secrets.mask(why);
        }
    }
}

fn mask_map(map: &mut Map<String, Value>, secrets: &Secrets) {
    map.values_mut().for_each(|value| secrets.mask_json(value));
}

//! Which tags tasks have, and which files of tasks they bring in: for tags that no `--tags` reaches.

use super::names::{Brings, Names};
use crate::loader::Source;
use crate::playbook::{one_or_more, tag_texts};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Walks the tasks of a file.
pub fn tasks(source: &Source, role: Option<&Path>, names: &mut Names) {
    let directory = source.span.file.path.parent().unwrap_or(Path::new("")).to_owned();
    Walk { directory, role, names }.list(source, &[]);
}

struct Walk<'a> {
    directory: PathBuf,
    role: Option<&'a Path>,
    names: &'a mut Names,
}

impl Walk<'_> {
    fn list(&mut self, source: &Source, outer: &[Arc<str>]) {
        source.as_seq().unwrap_or_default().iter().for_each(|item| self.item(item, outer));
    }

    fn item(&mut self, item: &Source, outer: &[Arc<str>]) {
        let mut tags = outer.to_vec();
        if let Some(own) = item.get("tags") {
            for source in one_or_more(own) {
                for tag in tag_texts(source) {
                    let tag: Arc<str> = tag.into();
                    if !tag.contains("{{") {
                        self.names.tags.push((tag.clone(), source.span.clone()));
                    }
                    tags.push(tag);
                }
            }
        }
        for part in ["block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"] {
            item.get(part).into_iter().for_each(|part| self.list(part, &tags));
        }
        for entry in item.as_map().unwrap_or_default() {
            let Some(key) = entry.key.as_str() else { continue };
            let (file, dynamic) = match crate::actions::short_name(key) {
                "include_tasks" | "include" => (file_of(&entry.value), true),
                "import_tasks" => (file_of(&entry.value), false),
                _ => continue,
            };
            let Some(file) = file.filter(|file| !file.contains("{{")) else { continue };
            // Tags of `apply` are not among them: they go to what is included, and do not make the include run.
            let (files, tags, span) = (self.places(&file), tags.clone(), entry.value.span.clone());
            self.names.brings.push(Brings { files, dynamic, tags, span });
        }
    }

    /// Where a file of tasks may be.
    fn places(&self, file: &str) -> Vec<PathBuf> {
        let mut places = vec![self.directory.join(file)];
        places.extend(self.role.map(|role| role.join("tasks").join(file)));
        places
    }
}

/// The file that an include names; with words behind it, in the old form.
fn file_of(value: &Source) -> Option<String> {
    let text = value.as_str().or_else(|| value.get("file").and_then(Source::as_str))?;
    if text.contains("{{") {
        return None;
    }
    text.split_whitespace().next().map(|word| word.strip_prefix("file=").unwrap_or(word).to_owned())
}

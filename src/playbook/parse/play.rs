//! Playbook files: plays, and the playbooks that they import.

use super::Pass;
use crate::diagnostic::{Diagnostic, Span};
use crate::loader::{Entry, Source};
use crate::playbook::keyword::{Keyword, PLAY};
use crate::playbook::model::{Node, Play};
use crate::playbook::scope::{Keywords, Scope, ScopeKind};
use std::path::Path;
use std::sync::Arc;

impl Pass<'_> {
    /// The plays of a playbook file. `around` holds the keywords of the `import_playbook` that brought it.
    pub(super) fn playbook_file(&mut self, path: &Path, around: Option<(&Arc<Scope>, &Span)>) -> Vec<Arc<Play>> {
        if self.reading.iter().any(|open| open == path) {
            if let Some((_, span)) = around {
                self.error(span, format!("{} imports itself", path.display()));
            }
            return Vec::new();
        }
        let Some(source) = self.read(path, around.map(|(_, span)| span)) else { return Vec::new() };
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        let outer_dir = std::mem::replace(&mut self.playbook_dir, directory.clone());
        self.reading.push(path.to_owned());
        let plays = self.plays(&source, &directory, around.map(|(scope, _)| scope));
        self.reading.pop();
        self.playbook_dir = outer_dir;
        plays
    }

    /// The plays of a playbook.
    pub(super) fn plays(&mut self, source: &Source, directory: &Path, around: Option<&Arc<Scope>>) -> Vec<Arc<Play>> {
        let Some(items) = source.as_seq() else {
            let message = format!("a playbook is a list of plays, this is {}", source.describe());
            self.problems.push(Diagnostic::error(&source.span, message).hint("each play begins with `- hosts:`"));
            return Vec::new();
        };
        let mut plays = Vec::new();
        for item in items {
            let Some(entries) = item.as_map() else {
                self.error(&item.span, format!("a play is a mapping, this is {}", item.describe()));
                continue;
            };
            if let Some(old) = entries.iter().find(|entry| entry.key.as_str() == Some("include")) {
                let problem = Diagnostic::error(&old.key.span, "`include` of a playbook is read as `import_playbook`");
                self.problems.push(problem.warning().hint("write `import_playbook`"));
            }
            match entries.iter().find(|entry| is_import(entry)) {
                Some(import) => plays.extend(self.import_playbook(item, entries, import, directory, around)),
                None => plays.extend(self.play(item, entries, directory, around)),
            }
        }
        plays
    }

    fn import_playbook(
        &mut self,
        item: &Source,
        entries: &[Entry],
        import: &Entry,
        directory: &Path,
        outer: Option<&Arc<Scope>>,
    ) -> Vec<Arc<Play>> {
        let mut keywords = Keywords::default();
        for entry in entries {
            match entry.key.as_str().and_then(Keyword::of) {
                Some(keyword @ (Keyword::When | Keyword::Tags | Keyword::Vars)) => {
                    keywords.set(keyword, entry.value.clone())
                }
                Some(Keyword::Name) => {}
                _ if is_import(entry) => {}
                _ => {
                    let message = "`import_playbook` takes only `when`, `tags`, `vars` and `name` beside it";
                    self.error(&entry.key.span, message);
                }
            }
        }
        let scope = Arc::new(Scope {
            kind: ScopeKind::Include(Vec::new()),
            keywords,
            span: item.span.clone(),
            directory: directory.to_owned(),
            parent: outer.cloned(),
        });
        let Some(name) = self.name(&import.value, &scope) else { return Vec::new() };
        let path = directory.join(name.trim());
        if self.alone {
            self.must_be_there(&path, &import.value.span);
            return Vec::new();
        }
        self.playbook_file(&path, Some((&scope, &import.value.span)))
    }

    fn play(
        &mut self,
        item: &Source,
        entries: &[Entry],
        directory: &Path,
        around: Option<&Arc<Scope>>,
    ) -> Option<Arc<Play>> {
        let (keywords, others) = self.keywords(entries, PLAY);
        for entry in others {
            // What a remote user used to be called.
            if entry.key.as_str() != Some("user") {
                self.unknown_key(entry, PLAY);
            }
        }
        let mut keywords = keywords;
        if let Some(user) = item.get("user") {
            keywords.set(Keyword::RemoteUser, user.clone());
        }
        match keywords.get(Keyword::Hosts) {
            None => {
                let problem = Diagnostic::error(&item.span, "this play has no `hosts`");
                self.problems.push(problem.hint("`hosts: all` is every host of the inventory"));
                return None;
            }
            Some(hosts)
                if hosts.is_null()
                    || hosts.as_str().is_some_and(|text| text.trim().is_empty())
                    || hosts.as_seq().is_some_and(<[Source]>::is_empty) =>
            {
                self.error(&hosts.span, "`hosts` is empty");
            }
            Some(hosts) if hosts.as_map().is_some() => {
                self.error(&hosts.span, "`hosts` wants a pattern or a list of patterns, this is a mapping");
            }
            Some(_) => {}
        }
        self.has_module_defaults |= keywords.get(Keyword::ModuleDefaults).is_some();
        self.check_module_defaults(&keywords);
        let scope = Arc::new(Scope {
            kind: ScopeKind::Play,
            keywords,
            span: item.span.clone(),
            directory: directory.to_owned(),
            parent: around.cloned(),
        });

        let mut section = |keyword, handlers| match scope.keywords.get(keyword) {
            Some(source) => self.tasks(source, &scope, handlers, directory),
            None => Vec::new(),
        };
        let pre_tasks = section(Keyword::PreTasks, false);
        let tasks_first = section(Keyword::Tasks, false);
        let post_tasks = section(Keyword::PostTasks, false);
        let own_handlers = section(Keyword::Handlers, true);
        // Roles imported by tasks were read by now; those of `roles:` come before them.
        let imported = std::mem::take(&mut self.role_handlers);
        let imported_roles = std::mem::take(&mut self.static_roles);
        let mut roles: Vec<Node> = Vec::new();
        if let Some(list) = scope.keywords.get(Keyword::Roles) {
            for request in self.role_entries(list, &scope) {
                roles.extend(self.role(&request, &scope));
            }
        }
        let mut handlers = std::mem::take(&mut self.role_handlers);
        handlers.extend(imported);
        handlers.extend(own_handlers);
        let mut static_roles = std::mem::take(&mut self.static_roles);
        static_roles.extend(imported_roles);
        self.has_module_defaults = false;
        Some(Arc::new(Play {
            scope,
            directory: directory.to_owned(),
            pre_tasks,
            roles,
            tasks: tasks_first,
            post_tasks,
            handlers,
            static_roles,
        }))
    }
}

fn is_import(entry: &Entry) -> bool {
    matches!(
        entry.key.as_str(),
        Some("include" | "import_playbook" | "ansible.builtin.import_playbook" | "ansible.legacy.import_playbook")
    )
}

//! Actions that are the engine's own business: they change which tasks run, not a host.

use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use serde_json::{Map, Value as Json};

args! {
    /// What `include_tasks` and `import_tasks` take.
    pub struct TasksArgs {
        /// The file of tasks, from the task's own file, the role's `tasks`, or the playbook.
        file: Option<String>,
        /// Keywords for the included tasks (`include_tasks` only).
        apply: Option<Map<String, Json>>,
    }
}

args! {
    /// What `include_role` and `import_role` take.
    pub struct RoleArgs {
        /// The role.
        [aliases = ["role"]]
        name: String,
        /// Which file of `tasks/`.
        tasks_from: String = "main".to_owned(),
        /// Which file of `vars/`.
        vars_from: String = "main".to_owned(),
        /// Which file of `defaults/`.
        defaults_from: String = "main".to_owned(),
        /// Which file of `handlers/`.
        handlers_from: String = "main".to_owned(),
        /// Whether it may run more than once.
        allow_duplicates: bool = true,
        /// Whether the rest of the play sees its variables.
        public: Option<bool>,
        /// Keywords for its tasks (`include_role` only).
        apply: Option<Map<String, Json>>,
        /// Whether its parameters are checked against its argument specification.
        rolespec_validate: bool = true,
    }
}

args! {
    /// What `meta` takes.
    pub struct MetaArgs {
        /// `flush_handlers`, `end_play`, `end_batch`, `end_host`, `end_role`, `clear_facts`, `clear_host_errors`,
        /// `refresh_inventory`, `reset_connection` or `noop`.
        free_form: String,
    }
}

const fn declaration(
    name: &'static str,
    summary: &'static str,
    args: fn() -> &'static [refit_agent::args::ArgSpec],
    free_form: Option<&'static str>,
) -> Module {
    Module { name, aliases: &[], summary, args, rules: &[], free_form, run: None }
}

static INCLUDE: Module = declaration("include", "The old name of include_tasks", TasksArgs::specs, Some("file"));
static INCLUDE_TASKS: Module = declaration("include_tasks", "Run a file of tasks", TasksArgs::specs, Some("file"));
static IMPORT_TASKS: Module = declaration("import_tasks", "Insert a file of tasks", TasksArgs::specs, Some("file"));
static INCLUDE_ROLE: Module = declaration("include_role", "Run a role", RoleArgs::specs, None);
static IMPORT_ROLE: Module = declaration("import_role", "Insert a role", RoleArgs::specs, None);
static META: Module = declaration("meta", "Tell the engine what to do", MetaArgs::specs, Some("free_form"));

/// The declarations, sorted by name.
pub static DECLARATIONS: &[&Module] = &[&IMPORT_ROLE, &IMPORT_TASKS, &INCLUDE, &INCLUDE_ROLE, &INCLUDE_TASKS, &META];

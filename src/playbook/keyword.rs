//! The language's keywords: which there are, and on what each may stand.

/// On what a keyword may stand: a set of these.
pub type Places = u8;
/// A play.
pub const PLAY: Places = 1;
/// An entry of `roles:`.
pub const ROLE: Places = 2;
/// A block.
pub const BLOCK: Places = 4;
/// A task.
pub const TASK: Places = 8;
/// A handler.
pub const HANDLER: Places = 16;

/// What tasks, blocks, roles and plays have in common.
const ALL: Places = PLAY | ROLE | BLOCK | TASK | HANDLER;
const BELOW_PLAY: Places = ROLE | BLOCK | TASK | HANDLER;
const TASKS: Places = TASK | HANDLER;

/// How a keyword passes from a play, role or block to the tasks inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inheritance {
    /// The innermost one counts.
    Innermost,
    /// All count, the outermost first (`when`, `tags`, `environment`, `vars`, `module_defaults`).
    Gathered,
    /// It stays where it stands.
    Own,
}

macro_rules! keywords {
    ($( $(#[$doc:meta])* $Variant:ident $name:literal $places:expr, $inheritance:ident; )*) => {
        /// A keyword. <https://docs.ansible.com/ansible/latest/reference_appendices/playbooks_keywords.html>
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Keyword { $( $(#[$doc])* $Variant ),* }

        impl Keyword {
            /// Every keyword.
            pub const ALL: &'static [Keyword] = &[$(Keyword::$Variant),*];

            /// As playbooks write it.
            pub fn name(self) -> &'static str {
                match self { $( Keyword::$Variant => $name ),* }
            }

            /// On what it may stand.
            pub fn places(self) -> Places {
                match self { $( Keyword::$Variant => $places ),* }
            }

            /// How it passes on.
            pub fn inheritance(self) -> Inheritance {
                match self { $( Keyword::$Variant => Inheritance::$inheritance ),* }
            }

            /// The keyword of a name.
            pub fn of(name: &str) -> Option<Keyword> {
                match name { $( $name => Some(Keyword::$Variant), )* _ => None }
            }
        }
    };
}

keywords! {
    /// Fail all hosts when one fails.
    AnyErrorsFatal "any_errors_fatal" ALL, Innermost;
    /// More arguments of the module.
    Args "args" TASKS, Own;
    /// Run in the background for at most so many seconds.
    Async "async" TASKS, Own;
    /// Tasks that run whatever happened.
    Always "always" BLOCK, Own;
    /// Be another user on the host.
    Become "become" ALL, Innermost;
    /// The program that makes one another user.
    BecomeExe "become_exe" ALL, Innermost;
    /// That program's flags.
    BecomeFlags "become_flags" ALL, Innermost;
    /// That program's kind.
    BecomeMethod "become_method" ALL, Innermost;
    /// Which user.
    BecomeUser "become_user" ALL, Innermost;
    /// A block's tasks.
    Block "block" BLOCK, Own;
    /// When a result counts as a change.
    ChangedWhen "changed_when" TASKS, Own;
    /// Whether it is a dry run here, whatever the run is.
    CheckMode "check_mode" ALL, Innermost;
    /// Where unqualified names of modules are looked up.
    Collections "collections" ALL, Innermost;
    /// How to get to the host.
    Connection "connection" ALL, Innermost;
    /// When the task debugger starts.
    Debugger "debugger" ALL, Innermost;
    /// Seconds between attempts.
    Delay "delay" TASKS, Own;
    /// Whether facts belong to the host that the task is delegated to.
    DelegateFacts "delegate_facts" BELOW_PLAY, Innermost;
    /// The host that does it instead.
    DelegateTo "delegate_to" BELOW_PLAY, Innermost;
    /// Whether differences are shown.
    Diff "diff" ALL, Innermost;
    /// Variables for the environment of what runs.
    Environment "environment" ALL, Gathered;
    /// Where set_fact's paths of facts are.
    FactPath "fact_path" PLAY, Own;
    /// When a result counts as a failure.
    FailedWhen "failed_when" TASKS, Own;
    /// Run notified handlers on failed hosts too.
    ForceHandlers "force_handlers" PLAY, Own;
    /// Whether facts are gathered first.
    GatherFacts "gather_facts" PLAY, Own;
    /// Which facts.
    GatherSubset "gather_subset" PLAY, Own;
    /// For how long.
    GatherTimeout "gather_timeout" PLAY, Own;
    /// A play's handlers.
    Handlers "handlers" PLAY, Own;
    /// The pattern of a play's hosts.
    Hosts "hosts" PLAY, Own;
    /// Go on after a failure.
    IgnoreErrors "ignore_errors" ALL, Innermost;
    /// Go on with a host that could not be reached.
    IgnoreUnreachable "ignore_unreachable" ALL, Innermost;
    /// Topics that a handler listens to.
    Listen "listen" HANDLER, Own;
    /// Do it on the controller.
    LocalAction "local_action" TASKS, Own;
    /// The items to do it for.
    Loop "loop" TASKS, Own;
    /// How the loop goes.
    LoopControl "loop_control" TASKS, Own;
    /// How many percent of a batch's hosts may fail.
    MaxFailPercentage "max_fail_percentage" PLAY, Own;
    /// Defaults for modules' arguments.
    ModuleDefaults "module_defaults" ALL, Gathered;
    /// The module with its arguments, in the old form.
    Action "action" TASKS, Own;
    /// The name.
    Name "name" ALL, Own;
    /// Hide arguments and results.
    NoLog "no_log" ALL, Innermost;
    /// Handlers to notify on a change.
    Notify "notify" BLOCK | TASKS, Gathered;
    /// The order of a play's hosts.
    Order "order" PLAY, Own;
    /// Seconds between looks at a background task.
    Poll "poll" TASKS, Own;
    /// The port to connect to.
    Port "port" ALL, Innermost;
    /// Tasks after the roles and tasks.
    PostTasks "post_tasks" PLAY, Own;
    /// Tasks before the roles and tasks.
    PreTasks "pre_tasks" PLAY, Own;
    /// The variable that keeps the result.
    Register "register" TASKS, Own;
    /// The user to connect as.
    RemoteUser "remote_user" ALL, Innermost;
    /// Tasks that run on hosts where the block failed.
    Rescue "rescue" BLOCK, Own;
    /// How many attempts `until` has.
    Retries "retries" TASKS, Own;
    /// A play's roles.
    Roles "roles" PLAY, Own;
    /// Do it once for all hosts of the batch.
    RunOnce "run_once" ALL, Innermost;
    /// How many hosts at a time.
    Serial "serial" PLAY, Own;
    /// In which order hosts and tasks go.
    Strategy "strategy" PLAY, Own;
    /// What to run by.
    Tags "tags" ALL, Gathered;
    /// A play's tasks.
    Tasks "tasks" PLAY, Own;
    /// On how many hosts at once.
    Throttle "throttle" ALL, Innermost;
    /// Seconds after which a task fails.
    Timeout "timeout" ALL, Innermost;
    /// Repeat until this holds.
    Until "until" TASKS, Own;
    /// Variables.
    Vars "vars" ALL, Gathered;
    /// Files of variables.
    VarsFiles "vars_files" PLAY, Own;
    /// Variables to ask the user for.
    VarsPrompt "vars_prompt" PLAY, Own;
    /// Whether it applies.
    When "when" BELOW_PLAY, Gathered;
}

/// `a play`, `a block`, ...: what a place is called in messages.
pub fn place_name(place: Places) -> &'static str {
    match place {
        PLAY => "a play",
        ROLE => "a role",
        BLOCK => "a block",
        HANDLER => "a handler",
        _ => "a task",
    }
}

/// The names that may stand on a place, for suggestions.
pub fn names_on(place: Places) -> impl Iterator<Item = &'static str> {
    Keyword::ALL.iter().filter(move |keyword| keyword.places() & place != 0).map(|keyword| keyword.name())
}

//! The settings: the one table that says of each where it can be set, what it is, and what it is by default.

use super::environment::Environment;
use super::setting::{Origin, Setting};
use super::value::{self, Context, DuplicateKeys, FactCache, Gathering, HashBehaviour, OnMismatch, Read, VarsRoot};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a setting can be set.
pub(super) struct Declared {
    /// Section and key. Of several that are set the last one counts.
    pub keys: &'static [(&'static str, &'static str)],
    /// Variables of the environment, which come before keys. Of several that are set the last one counts.
    pub variables: &'static [&'static str],
}

/// A setting's text, and where it was found.
pub(super) struct Found {
    pub text: String,
    pub origin: Origin,
    /// What relative paths in it are relative to.
    pub base: PathBuf,
}

impl Found {
    fn read<T>(&self, environment: &Environment, read: Read<T>, errors: &mut Diagnostics) -> Option<Setting<T>> {
        match read(&Context { environment, base: &self.base }, &self.text) {
            Ok(value) => Some(Setting { value, origin: self.origin.clone() }),
            Err(kind) => {
                let message = format!("`{}` is not {kind}", self.text);
                errors.push(match &self.origin {
                    Origin::File(span) => Diagnostic::error(span, message),
                    other => Diagnostic::error(&Span::nowhere(&other.to_string()), message),
                });
                None
            }
        }
    }
}

/// Declares the settings: their meaning, type and default, how a text is read, and where they can be set.
macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $read:path,
        [$($key:literal),*], [$($variable:literal),*]; )+) => {
        /// All settings, each with where it was set.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $name: Setting<$type>, )+
            /// The configuration file that was read.
            pub file: Option<PathBuf>,
            /// What was found that has no effect, or may not be what was meant; for `-v`.
            pub notes: Vec<Diagnostic>,
            /// What the user should know in any case.
            pub warnings: Vec<Diagnostic>,
        }

        /// Where each setting can be set, in the order of the struct.
        pub(super) const DECLARED: &[Declared] = &[
            $( Declared { keys: &[$(split_key($key)),*], variables: &[$($variable),*] }, )+
        ];

        impl Settings {
            /// The settings of which each is what `find` finds, or its default.
            pub(super) fn gather(
                find: impl Fn(&Declared) -> Option<Found>,
                environment: &Environment,
                errors: &mut Diagnostics,
            ) -> Settings {
                let home = environment.get("ANSIBLE_HOME").unwrap_or("~/.ansible");
                let home = environment.path(home, &environment.directory);
                let home = Home(&home);
                let mut declared = DECLARED.iter();
                $(
                    let found = declared.next().and_then(&find);
                    let setting = found.and_then(|found| found.read::<$type>(environment, $read, errors));
                    let default: fn(&Home<'_>) -> $type = $default;
                    let $name = setting.unwrap_or_else(|| Setting { value: default(&home), origin: Origin::Default });
                )+
                Settings { $($name,)+ file: None, notes: Vec::new(), warnings: Vec::new() }
            }

            /// Every setting as (name, value, where it was set).
            pub fn list(&self) -> Vec<(&'static str, String, &Origin)> {
                vec![ $( (stringify!($name), format!("{:?}", self.$name.value), &self.$name.origin), )+ ]
            }
        }
    };
}

/// The directory of what belongs to the user (`ANSIBLE_HOME`).
struct Home<'a>(&'a Path);

impl Home<'_> {
    /// A directory in it, then those of the machine.
    fn search_path(&self, name: &str, machine: &[&str]) -> Vec<PathBuf> {
        std::iter::once(self.0.join(name)).chain(machine.iter().map(PathBuf::from)).collect()
    }
}

/// `section.key`.
const fn split_key(written: &'static str) -> (&'static str, &'static str) {
    let bytes = written.as_bytes();
    let mut at = 0;
    while bytes[at] != b'.' {
        at += 1;
    }
    let (section, key) = written.split_at(at);
    (section, key.split_at(1).1)
}

settings! {
    /// Inventories: paths, or a list of hosts that ends with a comma.
    inventory: Vec<String> = |_| vec!["/etc/ansible/hosts".to_owned()], value::inventories,
        ["defaults.inventory"], ["ANSIBLE_INVENTORY"];
    /// Names of files in an inventory's directory that end so are no inventories.
    inventory_ignore_extensions: Vec<String> = |_| [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst",
        ".orig", ".cfg", ".retry"].map(str::to_owned).to_vec(), value::list,
        ["defaults.inventory_ignore_extensions", "inventory.ignore_extensions"], ["ANSIBLE_INVENTORY_IGNORE"];
    /// Nor those in which one of these regular expressions is found.
    inventory_ignore_patterns: Vec<String> = |_| Vec::new(), value::list,
        ["defaults.inventory_ignore_patterns", "inventory.ignore_patterns"], ["ANSIBLE_INVENTORY_IGNORE_REGEX"];
    /// The forms of inventories that are tried, in order.
    inventory_enable_plugins: Vec<String> = |_| ["host_list", "script", "auto", "yaml", "ini", "toml"]
        .map(str::to_owned).to_vec(), value::list,
        ["inventory.enable_plugins"], ["ANSIBLE_INVENTORY_ENABLED"];
    /// Whether one inventory that can't be read ends the run.
    inventory_any_unparsed_is_failed: bool = |_| false, value::boolean,
        ["inventory.any_unparsed_is_failed"], ["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"];
    /// Whether it ends the run that no inventory can be read.
    inventory_unparsed_is_failed: bool = |_| false, value::boolean,
        ["inventory.unparsed_is_failed"], ["ANSIBLE_INVENTORY_UNPARSED_FAILED"];
    /// Whether to warn of inventories that can't be read.
    inventory_unparsed_warning: bool = |_| true, value::boolean,
        ["inventory.inventory_unparsed_warning"], ["ANSIBLE_INVENTORY_UNPARSED_WARNING"];
    /// What happens if a host pattern matches nothing.
    host_pattern_mismatch: OnMismatch = |_| OnMismatch::Warning, value::on_mismatch,
        ["inventory.host_pattern_mismatch"], ["ANSIBLE_HOST_PATTERN_MISMATCH"];
    /// Whether to warn if there is only the implicit localhost.
    localhost_warning: bool = |_| true, value::boolean,
        ["defaults.localhost_warning"], ["ANSIBLE_LOCALHOST_WARNING"];
    /// Directories in which roles are looked for.
    roles_path: Vec<PathBuf> = |home| home.search_path("roles", &["/usr/share/ansible/roles", "/etc/ansible/roles"]),
        value::search_path, ["defaults.roles_path"], ["ANSIBLE_ROLES_PATH"];
    /// Directories in which collections are looked for.
    collections_path: Vec<PathBuf> = |home| home.search_path("collections", &["/usr/share/ansible/collections"]),
        value::search_path, ["defaults.collections_paths", "defaults.collections_path"],
        ["ANSIBLE_COLLECTIONS_PATHS", "ANSIBLE_COLLECTIONS_PATH"];

    /// The user to connect as; `None` for what the user's ssh configuration says.
    remote_user: Option<String> = |_| None, value::optional_text,
        ["defaults.remote_user"], ["ANSIBLE_REMOTE_USER"];
    /// The port to connect to; `None` for what the user's ssh configuration says.
    remote_port: Option<u16> = |_| None, value::port, ["defaults.remote_port"], ["ANSIBLE_REMOTE_PORT"];
    /// The private key to connect with.
    private_key_file: Option<PathBuf> = |_| None, value::optional_path,
        ["defaults.private_key_file"], ["ANSIBLE_PRIVATE_KEY_FILE"];
    /// Whether an unknown host key is refused.
    host_key_checking: bool = |_| true, value::boolean,
        ["defaults.host_key_checking", "ssh_connection.host_key_checking"],
        ["ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_HOST_KEY_CHECKING"];
    /// The kind of connection: `ssh`, `smart`, `local`, ...
    transport: String = |_| "ssh".to_owned(), value::text, ["defaults.transport"], ["ANSIBLE_TRANSPORT"];
    /// For each step of connecting.
    timeout: Duration = |_| Duration::from_secs(10), value::seconds,
        ["defaults.timeout", "ssh_connection.timeout"], ["ANSIBLE_TIMEOUT", "ANSIBLE_SSH_TIMEOUT"];
    /// How often a connection that could not be made is tried again.
    ssh_retries: u32 = |_| 0, value::number,
        ["connection.retries", "ssh_connection.retries"], ["ANSIBLE_SSH_RETRIES"];
    /// Whether to ask for the password of the connection.
    ask_pass: bool = |_| false, value::boolean, ["defaults.ask_pass"], ["ANSIBLE_ASK_PASS"];
    /// A file that holds the password of the connection, or a program that prints it.
    connection_password_file: Option<PathBuf> = |_| None, value::optional_path,
        ["defaults.connection_password_file"], ["ANSIBLE_CONNECTION_PASSWORD_FILE"];
    /// Arguments for `ssh`.
    ssh_args: String = |_| "-C -o ControlMaster=auto -o ControlPersist=60s".to_owned(), value::text,
        ["ssh_connection.ssh_args"], ["ANSIBLE_SSH_ARGS"];
    /// More arguments for `ssh` (and, with Ansible, for `scp` and `sftp`).
    ssh_common_args: String = |_| String::new(), value::text,
        ["ssh_connection.ssh_common_args"], ["ANSIBLE_SSH_COMMON_ARGS"];
    /// More arguments for `ssh`.
    ssh_extra_args: String = |_| String::new(), value::text,
        ["ssh_connection.ssh_extra_args"], ["ANSIBLE_SSH_EXTRA_ARGS"];
    /// The `ssh` program.
    ssh_executable: String = |_| "ssh".to_owned(), value::text,
        ["ssh_connection.ssh_executable"], ["ANSIBLE_SSH_EXECUTABLE"];
    /// The shell that `shell` and `raw` use on the hosts.
    executable: String = |_| "/bin/sh".to_owned(), value::text, ["defaults.executable"], ["ANSIBLE_EXECUTABLE"];
    /// The directory for temporary files on the hosts.
    remote_tmp: String = |_| "~/.ansible/tmp".to_owned(), value::text,
        ["defaults.remote_tmp"], ["ANSIBLE_REMOTE_TEMP", "ANSIBLE_REMOTE_TMP"];
    /// The directory for temporary files here.
    local_tmp: PathBuf = |home| home.0.join("tmp"), value::path, ["defaults.local_tmp"], ["ANSIBLE_LOCAL_TEMP"];

    /// Whether tasks are run as another user.
    escalate: bool = |_| false, value::boolean, ["privilege_escalation.become"], ["ANSIBLE_BECOME"];
    /// How another user is become: `sudo`, `su`, `doas`.
    become_method: String = |_| "sudo".to_owned(), value::text,
        ["privilege_escalation.become_method"], ["ANSIBLE_BECOME_METHOD"];
    /// The other user.
    become_user: String = |_| "root".to_owned(), value::text,
        ["privilege_escalation.become_user"], ["ANSIBLE_BECOME_USER"];
    /// Whether to ask for the password for becoming another user.
    become_ask_pass: bool = |_| false, value::boolean,
        ["privilege_escalation.become_ask_pass"], ["ANSIBLE_BECOME_ASK_PASS"];
    /// A file that holds the password for becoming another user, or a program that prints it.
    become_password_file: Option<PathBuf> = |_| None, value::optional_path,
        ["privilege_escalation.become_password_file"], ["ANSIBLE_BECOME_PASSWORD_FILE"];
    /// The program for becoming another user, where it is not the method's own.
    become_exe: Option<String> = |_| None, value::optional_text,
        ["privilege_escalation.become_exe"], ["ANSIBLE_BECOME_EXE"];
    /// Its flags, where they are not the method's own.
    become_flags: Option<String> = |_| None, value::optional_text,
        ["privilege_escalation.become_flags"], ["ANSIBLE_BECOME_FLAGS"];
    /// The program of `sudo`.
    sudo_exe: Option<String> = |_| None, value::optional_text,
        ["sudo_become_plugin.executable"], ["ANSIBLE_SUDO_EXE"];
    /// Flags of `sudo`.
    sudo_flags: Option<String> = |_| None, value::optional_text, ["sudo_become_plugin.flags"], ["ANSIBLE_SUDO_FLAGS"];
    /// The program of `su`.
    su_exe: Option<String> = |_| None, value::optional_text, ["su_become_plugin.executable"], ["ANSIBLE_SU_EXE"];
    /// Flags of `su`.
    su_flags: Option<String> = |_| None, value::optional_text, ["su_become_plugin.flags"], ["ANSIBLE_SU_FLAGS"];

    /// A file that holds the vault's password, or a program that prints it.
    vault_password_file: Option<PathBuf> = |_| None, value::optional_path,
        ["defaults.vault_password_file"], ["ANSIBLE_VAULT_PASSWORD_FILE"];
    /// Vault ids with the sources of their secrets, as `--vault-id` takes them.
    vault_identity_list: Vec<String> = |_| Vec::new(), value::vault_ids,
        ["defaults.vault_identity_list"], ["ANSIBLE_VAULT_IDENTITY_LIST"];
    /// The vault id of a secret that was given without one.
    vault_identity: String = |_| "default".to_owned(), value::text,
        ["defaults.vault_identity"], ["ANSIBLE_VAULT_IDENTITY"];
    /// The vault id with which to encrypt.
    vault_encrypt_identity: Option<String> = |_| None, value::optional_text,
        ["defaults.vault_encrypt_identity"], ["ANSIBLE_VAULT_ENCRYPT_IDENTITY"];
    /// The salt to encrypt with, so that the same text gives the same.
    vault_encrypt_salt: Option<String> = |_| None, value::optional_text,
        ["defaults.vault_encrypt_salt"], ["ANSIBLE_VAULT_ENCRYPT_SALT"];
    /// Whether only secrets of the vault id that a text names are tried.
    vault_id_match: bool = |_| false, value::boolean, ["defaults.vault_id_match"], ["ANSIBLE_VAULT_ID_MATCH"];
    /// Whether to ask for the vault's password.
    ask_vault_pass: bool = |_| false, value::boolean, ["defaults.ask_vault_pass"], ["ANSIBLE_ASK_VAULT_PASS"];

    /// How many hosts are worked on at once.
    forks: u32 = |_| 5, value::forks, ["defaults.forks"], ["ANSIBLE_FORKS"];
    /// In which order the hosts take their way through the tasks: `linear`, `free`, `host_pinned`, `debug`.
    strategy: String = |_| "linear".to_owned(), value::text, ["defaults.strategy"], ["ANSIBLE_STRATEGY"];
    /// Whether handlers run on hosts on which a task failed.
    force_handlers: bool = |_| false, value::boolean, ["defaults.force_handlers"], ["ANSIBLE_FORCE_HANDLERS"];
    /// Whether a failed task on one host ends the run on all.
    any_errors_fatal: bool = |_| false, value::boolean, ["defaults.any_errors_fatal"], ["ANSIBLE_ANY_ERRORS_FATAL"];
    /// Whether the task debugger starts where a task fails.
    enable_task_debugger: bool = |_| false, value::boolean,
        ["defaults.enable_task_debugger"], ["ANSIBLE_ENABLE_TASK_DEBUGGER"];
    /// Whether the task debugger leaves tasks with `ignore_errors` alone.
    task_debugger_ignore_errors: bool = |_| true, value::boolean,
        ["defaults.task_debugger_ignore_errors"], ["ANSIBLE_TASK_DEBUGGER_IGNORE_ERRORS"];
    /// How long a task may take; zero for as long as it likes.
    task_timeout: Duration = |_| Duration::ZERO, value::seconds, ["defaults.task_timeout"], ["ANSIBLE_TASK_TIMEOUT"];
    /// How often an asynchronous task is asked for its state.
    poll_interval: Duration = |_| Duration::from_secs(15), value::seconds,
        ["defaults.poll_interval"], ["ANSIBLE_POLL_INTERVAL"];
    /// The tags of the tasks that run.
    run_tags: Vec<String> = |_| Vec::new(), value::list, ["tags.run"], ["ANSIBLE_RUN_TAGS"];
    /// The tags of the tasks that don't.
    skip_tags: Vec<String> = |_| Vec::new(), value::list, ["tags.skip"], ["ANSIBLE_SKIP_TAGS"];
    /// Whether a `notify` of a handler that is not there is an error.
    error_on_missing_handler: bool = |_| true, value::boolean,
        ["defaults.error_on_missing_handler"], ["ANSIBLE_ERROR_ON_MISSING_HANDLER"];
    /// The module of an ad-hoc command without one.
    module_name: String = |_| "command".to_owned(), value::text, ["defaults.module_name"], [];
    /// The arguments of an ad-hoc command without any.
    module_args: Option<String> = |_| None, value::optional_text, ["defaults.module_args"], ["ANSIBLE_MODULE_ARGS"];
    /// The directory that stands for the playbook's where there is none.
    playbook_dir: Option<PathBuf> = |_| None, value::optional_path,
        ["defaults.playbook_dir"], ["ANSIBLE_PLAYBOOK_DIR"];

    /// When facts are gathered.
    gathering: Gathering = |_| Gathering::Implicit, value::gathering, ["defaults.gathering"], ["ANSIBLE_GATHERING"];
    /// Which facts are gathered.
    gather_subset: Vec<String> = |_| vec!["all".to_owned()], value::list,
        ["defaults.gather_subset"], ["ANSIBLE_GATHER_SUBSET"];
    /// How long gathering may take.
    gather_timeout: Duration = |_| Duration::from_secs(10), value::seconds,
        ["defaults.gather_timeout"], ["ANSIBLE_GATHER_TIMEOUT"];
    /// Where facts are kept between runs.
    fact_caching: FactCache = |_| FactCache::Memory, value::fact_cache,
        ["defaults.fact_caching"], ["ANSIBLE_CACHE_PLUGIN"];
    /// The directory in which they are kept.
    fact_caching_connection: Option<PathBuf> = |_| None, value::optional_path,
        ["defaults.fact_caching_connection"], ["ANSIBLE_CACHE_PLUGIN_CONNECTION"];
    /// How long they are good; zero for ever.
    fact_caching_timeout: Duration = |_| Duration::from_secs(86_400), value::seconds,
        ["defaults.fact_caching_timeout"], ["ANSIBLE_CACHE_PLUGIN_TIMEOUT"];
    /// What the names of their files begin with.
    fact_caching_prefix: String = |_| String::new(), value::text,
        ["defaults.fact_caching_prefix"], ["ANSIBLE_CACHE_PLUGIN_PREFIX"];
    /// Whether facts are variables of their own besides `ansible_facts`.
    inject_facts_as_vars: bool = |_| true, value::boolean,
        ["defaults.inject_facts_as_vars"], ["ANSIBLE_INJECT_FACT_VARS"];

    /// What happens to mappings of the same name at several levels of precedence.
    hash_behaviour: HashBehaviour = |_| HashBehaviour::Replace, value::hash_behaviour,
        ["defaults.hash_behaviour"], ["ANSIBLE_HASH_BEHAVIOUR"];
    /// The order in which the variables of groups and hosts count.
    precedence: Vec<String> = |_| ["all_inventory", "groups_inventory", "all_plugins_inventory", "all_plugins_play",
        "groups_plugins_inventory", "groups_plugins_play"].map(str::to_owned).to_vec(), value::list,
        ["defaults.precedence"], ["ANSIBLE_PRECEDENCE"];
    /// Beside which playbooks `group_vars` and `host_vars` are looked for.
    playbook_vars_root: VarsRoot = |_| VarsRoot::Top, value::vars_root,
        ["defaults.playbook_vars_root"], ["ANSIBLE_PLAYBOOK_VARS_ROOT"];
    /// What happens if a key stands twice in a mapping.
    duplicate_dict_key: DuplicateKeys = |_| DuplicateKeys::Warn, value::duplicate_keys,
        ["defaults.duplicate_dict_key"], ["ANSIBLE_DUPLICATE_YAML_DICT_KEY"];
    /// Endings of the names of files with variables.
    yaml_valid_extensions: Vec<String> = |_| [".yml", ".yaml", ".json"].map(str::to_owned).to_vec(), value::list,
        ["defaults.yaml_valid_extensions"], ["ANSIBLE_YAML_FILENAME_EXT"];
    /// What `ansible_managed` stands for.
    ansible_managed: String = |_| "Ansible managed".to_owned(), value::text, ["defaults.ansible_managed"], [];
    /// Whether the role's variables stay in the role.
    private_role_vars: bool = |_| false, value::boolean,
        ["defaults.private_role_vars"], ["ANSIBLE_PRIVATE_ROLE_VARS"];

    /// The form of the output: Ansible's name of a callback.
    stdout_callback: String = |_| "default".to_owned(), value::text,
        ["defaults.stdout_callback"], ["ANSIBLE_STDOUT_CALLBACK"];
    /// Whether hosts that skip a task are shown.
    display_skipped_hosts: bool = |_| true, value::boolean,
        ["defaults.display_skipped_hosts"], ["ANSIBLE_DISPLAY_SKIPPED_HOSTS"];
    /// Whether hosts that are ok are shown.
    display_ok_hosts: bool = |_| true, value::boolean,
        ["defaults.display_ok_hosts"], ["ANSIBLE_DISPLAY_OK_HOSTS"];
    /// Whether failures are shown on standard error.
    display_failed_stderr: bool = |_| false, value::boolean,
        ["defaults.display_failed_stderr"], ["ANSIBLE_DISPLAY_FAILED_STDERR"];
    /// Whether a task's arguments are shown with its name.
    display_args_to_stdout: bool = |_| false, value::boolean,
        ["defaults.display_args_to_stdout"], ["ANSIBLE_DISPLAY_ARGS_TO_STDOUT"];
    /// Whether a dry run's output says so at each task.
    check_mode_markers: bool = |_| false, value::boolean,
        ["defaults.check_mode_markers"], ["ANSIBLE_CHECK_MODE_MARKERS"];
    /// Whether what `set_stats` gathered is shown at the end.
    show_custom_stats: bool = |_| false, value::boolean,
        ["defaults.show_custom_stats"], ["ANSIBLE_SHOW_CUSTOM_STATS"];
    /// The form in which results are shown: `json` or `yaml`.
    callback_result_format: String = |_| "json".to_owned(), value::text,
        ["defaults.callback_result_format"], ["ANSIBLE_CALLBACK_RESULT_FORMAT"];
    /// Whether differences are always shown.
    diff_always: bool = |_| false, value::boolean, ["diff.always"], ["ANSIBLE_DIFF_ALWAYS"];
    /// Lines around a difference.
    diff_context: u32 = |_| 3, value::number, ["diff.context"], ["ANSIBLE_DIFF_CONTEXT"];
    /// Bytes of a file above which no difference is made.
    max_diff_size: u32 = |_| 104_448, value::number, ["defaults.max_diff_size"], ["ANSIBLE_MAX_DIFF_SIZE"];
    /// Whether results are kept out of output and logs.
    no_log: bool = |_| false, value::boolean, ["defaults.no_log"], ["ANSIBLE_NO_LOG"];
    /// A file to which the output goes too.
    log_path: Option<PathBuf> = |_| None, value::optional_path, ["defaults.log_path"], ["ANSIBLE_LOG_PATH"];
    /// How many `-v` the log is written with, at least.
    log_verbosity: u32 = |_| 0, value::number, ["defaults.log_verbosity"], ["ANSIBLE_LOG_VERBOSITY"];
    /// How much is told, as `-v` says it.
    verbosity: u32 = |_| 0, value::number, ["defaults.verbosity"], ["ANSIBLE_VERBOSITY"];
    /// Colour even where no terminal is.
    force_color: bool = |_| false, value::boolean, ["defaults.force_color"], ["ANSIBLE_FORCE_COLOR"];
    /// No colour.
    nocolor: bool = |_| false, value::boolean, ["defaults.nocolor"], ["ANSIBLE_NOCOLOR"];
    /// Whether a file of the hosts that failed is written.
    retry_files_enabled: bool = |_| false, value::boolean,
        ["defaults.retry_files_enabled"], ["ANSIBLE_RETRY_FILES_ENABLED"];
    /// The directory in which it is written.
    retry_files_save_path: Option<PathBuf> = |_| None, value::optional_path,
        ["defaults.retry_files_save_path"], ["ANSIBLE_RETRY_FILES_SAVE_PATH"];
    /// Whether warnings of what is outdated are shown.
    deprecation_warnings: bool = |_| true, value::boolean,
        ["defaults.deprecation_warnings"], ["ANSIBLE_DEPRECATION_WARNINGS"];
    /// Whether warnings of modules are shown.
    action_warnings: bool = |_| true, value::boolean, ["defaults.action_warnings"], ["ANSIBLE_ACTION_WARNINGS"];
    /// Whether warnings about commands for which there are modules are shown.
    command_warnings: bool = |_| false, value::boolean, ["defaults.command_warnings"], ["ANSIBLE_COMMAND_WARNINGS"];
    /// Whether warnings about this machine are shown.
    system_warnings: bool = |_| true, value::boolean, ["defaults.system_warnings"], ["ANSIBLE_SYSTEM_WARNINGS"];
}

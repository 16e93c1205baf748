//! What a user asks of a run. Plain data: the command line, or a program, fills it. What is `None` was not asked for, and comes
//! from `ansible.cfg`, the environment or the built-in default.

use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A password that the user typed or a file held. Not shown by `{:?}`, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password.
    pub fn new(text: impl Into<String>) -> Password {
        Password(Zeroizing::new(text.into()))
    }

    /// Its text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(********)")
    }
}

/// What is to run.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// These playbooks, one after the other.
    Playbooks(Vec<PathBuf>),
    /// One task on the hosts of a pattern (`refit exec`).
    Task {
        /// The hosts.
        pattern: String,
        /// The module; `command` where none was asked for.
        module: String,
        /// Its arguments: `k=v` words, free form, or JSON.
        args: String,
    },
}

/// Which hosts and variables there are: what every command that reads an inventory shares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// `-i`: files, directories, programs, or host lists (text with a comma). Empty: as configured.
    pub inventory: Vec<String>,
    /// `-l`: a pattern that hosts must match too.
    pub limit: Option<String>,
    /// `-e`, in order and as given: `k=v` words, JSON, YAML, or `@file`.
    pub extra_vars: Vec<String>,
    /// Where vault passwords come from, in the order in which they are tried.
    pub vault: Vec<VaultSource>,
    /// `--flush-cache`: forget cached facts first.
    pub flush_cache: bool,
    /// `--playbook-dir` of commands without a playbook: where `group_vars`, `roles` and the like are looked for.
    pub playbook_dir: Option<PathBuf>,
    /// How many `-v`.
    pub verbosity: u8,
}

/// A vault password's source.
#[derive(Clone, Debug, PartialEq)]
pub struct VaultSource {
    /// The vault id, `default` where none was given.
    pub id: String,
    /// The password.
    pub secret: VaultSecret,
}

/// A vault password.
#[derive(Clone, Debug, PartialEq)]
pub enum VaultSecret {
    /// Typed by the user.
    Password(Password),
    /// In a file, or printed by it where it is executable.
    File(PathBuf),
}

/// How to reach hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    /// `-c`: `ssh`, `local`, ...
    pub kind: Option<String>,
    /// `-u`.
    pub user: Option<String>,
    /// `-k`, `--connection-password-file`.
    pub password: Option<Password>,
    /// `--private-key`.
    pub private_key: Option<PathBuf>,
    /// `-T`, seconds.
    pub timeout: Option<u32>,
    /// `--ssh-common-args`.
    pub ssh_common_args: Option<String>,
    /// `--ssh-extra-args`.
    pub ssh_extra_args: Option<String>,
}

/// As whom to act on hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Become {
    /// `-b`.
    pub enabled: bool,
    /// `--become-user`.
    pub user: Option<String>,
    /// `--become-method`: `sudo`, `su`, `doas`.
    pub method: Option<String>,
    /// `-K`, `--become-password-file`.
    pub password: Option<Password>,
}

/// What to print instead of running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOnly {
    /// `--list-hosts`.
    pub hosts: bool,
    /// `--list-tasks`.
    pub tasks: bool,
    /// `--list-tags`.
    pub tags: bool,
    /// `--syntax-check`.
    pub syntax: bool,
}

impl ListOnly {
    /// Whether anything is to be printed instead of running.
    pub fn any(self) -> bool {
        self.hosts || self.tasks || self.tags || self.syntax
    }
}

/// What a user asks of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOptions {
    /// The run's name; see [`run_name`](crate::event::run_name).
    pub run: String,
    /// The command line as typed, for the record.
    pub command: Vec<String>,
    /// What is to run.
    pub what: What,
    /// Which hosts and variables there are.
    pub fleet: Fleet,
    /// How to reach them.
    pub connection: Connection,
    /// As whom to act on them.
    pub privilege: Become,
    /// `-t`: only what has one of these tags. Each may hold several, with commas.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `-f`: how many hosts at a time.
    pub forks: Option<u32>,
    /// `-C`: a dry run.
    pub check: bool,
    /// `-D`: show what differs.
    pub diff: bool,
    /// `--start-at-task`: a task's name or a pattern of it.
    pub start_at_task: Option<String>,
    /// `--step`: ask before each task.
    pub step: bool,
    /// `--force-handlers`.
    pub force_handlers: bool,
    /// `-M`: directories of modules.
    pub module_path: Vec<PathBuf>,
    /// `ansible --task-timeout`, seconds.
    pub task_timeout: Option<u32>,
    /// `ansible -B`: run in the background, for at most so many seconds.
    pub background: Option<u32>,
    /// `ansible -P`: seconds between two looks at what runs in the background.
    pub poll: Option<u32>,
    /// What to print instead of running.
    pub list_only: ListOnly,
    /// The file of the plan that is carried out, for the record.
    pub plan: Option<String>,
}

impl RunOptions {
    /// A run of something with nothing else asked for.
    pub fn of(what: What) -> RunOptions {
        RunOptions {
            run: crate::event::run_name(),
            command: Vec::new(),
            what,
            fleet: Fleet::default(),
            connection: Connection::default(),
            privilege: Become::default(),
            tags: Vec::new(),
            skip_tags: Vec::new(),
            forks: None,
            check: false,
            diff: false,
            start_at_task: None,
            step: false,
            force_handlers: false,
            module_path: Vec::new(),
            task_timeout: None,
            background: None,
            poll: None,
            list_only: ListOnly::default(),
            plan: None,
        }
    }
}

//! The modules: a file each, a declaration and a function over the host's facets. [`MODULES`] lists them.

use crate::args::{self, ArgSpec, Args};
use crate::host::Host;
use crate::outcome::{ModuleResult, Stop};
use serde_json::{Map, Value};

pub use rule::{Broken, Given, Rule};

/// A module's declaration: everything that documentation, validation, schema and execution need.
pub struct Module {
    /// The short name, as in `ansible.builtin.NAME`.
    pub name: &'static str,
    /// Other full names that it answers to, e.g. `ansible.builtin.systemd_service`. The short name and
    /// `ansible.builtin.` and `ansible.legacy.` before it are understood.
    pub aliases: &'static [&'static str],
    /// One line of what it does.
    pub summary: &'static str,
    /// The arguments.
    pub args: fn() -> &'static [ArgSpec],
    /// Rules between arguments.
    pub rules: &'static [Rule],
    /// The argument that takes the words of a free-form call (`command: ls /`), where the module has that form.
    pub free_form: Option<&'static str>,
    /// Does it on a host. `None` for modules that the controller does itself (`debug`, `set_fact`, ...).
    pub run: Option<fn(&Call<'_>) -> ModuleResult>,
}

/// One call of a module on a host.
pub struct Call<'a> {
    /// The arguments, templated.
    pub args: &'a Map<String, Value>,
    /// The host that it acts on.
    pub host: &'a Host<'a>,
    /// Content that the controller sent along, by its SHA-256 in lower-case hex.
    pub blobs: &'a dyn Blobs,
    /// Whether the user wants to see differences.
    pub diff: bool,
}

impl<'a> Call<'a> {
    /// A call without content and without differences.
    pub fn new(args: &'a Map<String, Value>, host: &'a Host<'a>) -> Call<'a> {
        Call { args, host, blobs: &NoBlobs, diff: false }
    }

    /// The arguments as the module's own struct.
    pub fn args<A: Args>(&self) -> Result<A, Stop> {
        args::parse(self.args).map_err(|error| Stop::failed(error.to_string()))
    }
}

/// Content that came with a request or was sent before.
pub trait Blobs {
    /// The content with this SHA-256 (lower-case hex).
    fn get(&self, sha256: &str) -> Option<std::sync::Arc<Vec<u8>>>;
}

/// No content at all: for modules that take none.
pub struct NoBlobs;

impl Blobs for NoBlobs {
    fn get(&self, _sha256: &str) -> Option<std::sync::Arc<Vec<u8>>> {
        None
    }
}

/// Every module, sorted by name.
#[rustfmt::skip]
pub static MODULES: &[&Module] = &[
    &alternatives::MODULE,
    &apt::MODULE,
    &apt_key::MODULE,
    &apt_repository::MODULE,
    &assemble::MODULE,
    &async_status::MODULE,
    &authorized_key::MODULE,
    &blockinfile::MODULE,
    &command::MODULE,
    &copy::MODULE,
    &cron::MODULE,
    &debconf::MODULE,
    &dpkg_selections::MODULE,
    &fetch::MODULE,
    &file::MODULE,
    &find::MODULE,
    &get_url::MODULE,
    &getent::MODULE,
    &git::MODULE,
    &group::MODULE,
    &hostname::MODULE,
    &iptables::MODULE,
    &known_hosts::MODULE,
    &lineinfile::MODULE,
    &locale_gen::MODULE,
    &modprobe::MODULE,
    &mount::MODULE,
    &package::MODULE,
    &package_facts::MODULE,
    &ping::MODULE,
    &pip::MODULE,
    &replace::MODULE,
    &service::MODULE,
    &service_facts::MODULE,
    &setup::MODULE,
    &shell::MODULE,
    &slurp::MODULE,
    &stat::MODULE,
    &sysctl::MODULE,
    &systemd::MODULE,
    &tempfile::MODULE,
    &template::MODULE,
    &timezone::MODULE,
    &unarchive::MODULE,
    &uri::MODULE,
    &user::MODULE,
    &wait_for::MODULE,
];

/// The module that answers to a name: `copy`, `ansible.builtin.copy`, `ansible.legacy.copy` or a declared alias.
pub fn find(name: &str) -> Option<&'static Module> {
    let short = name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name);
    MODULES.iter().copied().find(|module| module.name == short || module.aliases.contains(&name))
}

pub mod alternatives;
mod alternatives_list;
pub mod apt;
mod apt_deb;
mod apt_install;
pub mod apt_key;
pub mod apt_repository;
mod apt_run;
mod apt_sources;
#[cfg(test)]
mod apt_tests;
mod archive;
pub mod assemble;
pub mod async_status;
pub mod authorized_key;
mod authorized_keys;
pub mod blockinfile;
pub mod byte_text;
mod checksum;
pub mod command;
mod command_line;
pub mod copy;
mod copy_tree;
pub mod cron;
mod crontab;
pub mod debconf;
mod download;
pub mod dpkg_selections;
pub mod expand;
pub mod fetch;
pub mod file;
pub mod file_attributes;
mod file_content;
mod file_mode;
mod file_times;
pub mod find;
pub mod get_url;
pub mod getent;
pub mod git;
mod git_run;
pub mod glob;
pub mod group;
mod host_path;
pub mod hostname;
pub mod iptables;
mod iptables_rule;
pub mod known_hosts;
pub mod lineinfile;
pub mod locale_gen;
pub mod modprobe;
pub mod mount;
pub(crate) mod mount_table;
pub mod package;
pub mod package_facts;
pub mod ping;
pub mod pip;
mod pip_run;
mod python_class;
mod python_escape;
mod python_matcher;
mod python_node;
mod python_pattern;
pub mod python_regex;
pub mod replace;
mod rule;
pub mod service;
pub mod service_facts;
mod service_script;
pub mod setup;
pub mod shell;
pub mod slurp;
pub mod stat;
mod strptime;
pub mod sysctl;
pub mod systemd;
#[cfg(test)]
mod systemd_tests;
mod tcp_table;
pub mod tempfile;
pub mod template;
mod text_edit;
pub mod timezone;
pub mod unarchive;
pub mod uri;
mod uri_body;
pub mod url_args;
pub mod user;
mod user_change;
mod user_home;
mod user_ssh_key;
pub mod wait_for;

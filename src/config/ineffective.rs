//! What Ansible knows and what has no effect here, so that it can be told apart from a misspelling.

/// Keys that have no effect, as `section.key`.
pub(super) const KEYS: &[&str] = &[
    "connection.pipelining",
    "connection.ssh_agent",
    "connection.ssh_agent_executable",
    "connection.ssh_agent_key_lifetime",
    "defaults.action_plugins",
    "defaults.allow_broken_conditionals",
    "defaults.allow_embedded_templates",
    "defaults.allow_unsafe_lookups",
    "defaults.allow_world_readable_tmpfiles",
    "defaults.async_dir",
    "defaults.become_plugins",
    "defaults.bin_ansible_callbacks",
    "defaults.cache_plugins",
    "defaults.callback_enabled",
    "defaults.callback_format_pretty",
    "defaults.callback_plugins",
    "defaults.callback_whitelist",
    "defaults.callbacks_enabled",
    "defaults.collections_on_ansible_version_mismatch",
    "defaults.collections_scan_sys_path",
    "defaults.connection_plugins",
    "defaults.cow_selection",
    "defaults.cowpath",
    "defaults.cowsay_enabled_stencils",
    "defaults.debug",
    "defaults.devel_warning",
    "defaults.display_traceback",
    "defaults.doc_fragment_plugins",
    "defaults.editor",
    "defaults.error_on_undefined_vars",
    "defaults.facts_modules",
    "defaults.filter_plugins",
    "defaults.force_valid_group_names",
    "defaults.home",
    "defaults.internal_poll_interval",
    "defaults.interpreter_python",
    "defaults.invalid_task_attribute_failed",
    "defaults.inventory_plugins",
    "defaults.jinja2_extensions",
    "defaults.jinja2_native",
    "defaults.keep_remote_files",
    "defaults.library",
    "defaults.log_filter",
    "defaults.lookup_plugins",
    "defaults.module_compression",
    "defaults.module_ignore_exts",
    "defaults.module_lang",
    "defaults.module_set_locale",
    "defaults.module_utils",
    "defaults.nocows",
    "defaults.no_target_syslog",
    "defaults.null_representation",
    "defaults.old_plugin_cache_clear",
    "defaults.pager",
    "defaults.pipelining",
    "defaults.plugin_filters_cfg",
    "defaults.python_module_rlimit_nofile",
    "defaults.run_vars_plugins",
    "defaults.show_per_host_start",
    "defaults.show_task_path_on_failure",
    "defaults.squash_actions",
    "defaults.strategy_plugins",
    "defaults.syslog_facility",
    "defaults.system_tmpdirs",
    "defaults.target_log_info",
    "defaults.task_includes_static",
    "defaults.terminal_plugins",
    "defaults.test_plugins",
    "defaults.use_persistent_connections",
    "defaults.validate_action_group_metadata",
    "defaults.vars_plugins",
    "defaults.vars_plugins_enabled",
    "defaults.verbose_to_stderr",
    "inventory.cache",
    "inventory.cache_connection",
    "inventory.cache_plugin",
    "inventory.cache_prefix",
    "inventory.cache_timeout",
    "inventory.export",
    "privilege_escalation.agnostic_become_prompt",
    "privilege_escalation.become_allow_same_user",
    "ssh_connection.control_path",
    "ssh_connection.control_path_dir",
    "ssh_connection.password_mechanism",
    "ssh_connection.pipelining",
    "ssh_connection.pkcs11_provider",
    "ssh_connection.scp_executable",
    "ssh_connection.scp_extra_args",
    "ssh_connection.scp_if_ssh",
    "ssh_connection.sftp_batch_mode",
    "ssh_connection.sftp_executable",
    "ssh_connection.sftp_extra_args",
    "ssh_connection.sshpass_prompt",
    "ssh_connection.transfer_method",
    "ssh_connection.usetty",
    "ssh_connection.verbosity",
];

/// Sections of which nothing has an effect. Those of plug-ins, whose names hold `plugin` or `callback`, are so too.
pub(super) const SECTIONS: &[&str] = &[
    "accelerate",
    "colors",
    "galaxy",
    "jinja2",
    "netconf_connection",
    "paramiko_connection",
    "persistent_connection",
    "selinux",
];

/// Variables that have no effect under a name that no key suggests.
pub(super) const VARIABLES: &[&str] = &[
    "ANSIBLE_CONFIG",
    "ANSIBLE_HOME",
    "ANSIBLE_INVENTORY_CACHE",
    "ANSIBLE_LIBRARY",
    "ANSIBLE_NOCOWS",
    "ANSIBLE_PIPELINING",
    "ANSIBLE_PYTHON_INTERPRETER",
    "ANSIBLE_SSH_CONTROL_PATH",
    "ANSIBLE_SSH_PIPELINING",
    "ANSIBLE_SSH_TRANSFER_METHOD",
    "ANSIBLE_SCP_IF_SSH",
];

/// What the names of variables begin with that have no effect.
pub(super) const VARIABLE_PREFIXES: &[&str] = &[
    "ANSIBLE_COLOR_",
    "ANSIBLE_COW_",
    "ANSIBLE_GALAXY_",
    "ANSIBLE_PERSISTENT_",
    "ANSIBLE_PARAMIKO_",
    "ANSIBLE_NETCONF_",
];

/// Whether a key of the file is known to have no effect.
pub(super) fn is_key(section: &str, key: &str) -> bool {
    SECTIONS.contains(&section)
        || section.contains("plugin")
        || section.contains("callback")
        || KEYS.iter().any(|known| known.split_once('.') == Some((section, key)))
}

/// Whether a variable is known to have no effect: by its name, or because it is a key's in capitals.
pub(super) fn is_variable(name: &str) -> bool {
    let key = name.strip_prefix("ANSIBLE_").unwrap_or(name).to_lowercase();
    VARIABLES.contains(&name)
        || VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || KEYS.iter().any(|known| known.split_once('.').is_some_and(|(_, known)| known == key))
}

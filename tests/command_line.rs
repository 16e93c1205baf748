//! The command line's names and meanings: what ansible-playbook, ansible and ansible-inventory take, Refit takes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clap::{CommandFactory, Parser};
use refit::cli::CalledAs;
use refit::cli::args::{Ansible, AnsibleInventory, AnsiblePlaybook, Cli, Command, Format};
use refit::engine::{RunOptions, What};
use std::ffi::OsStr;
use std::path::PathBuf;

fn no_password(_: &str) -> std::io::Result<String> {
    panic!("no password was to be asked for");
}

/// The options of `refit run`.
fn run(words: &str) -> RunOptions {
    let words = ["refit", "run"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Run(args) => args.body.options(args.playbooks, Vec::new(), &mut no_password).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The options of `ansible-playbook`.
fn playbook(words: &[&str]) -> RunOptions {
    let args = AnsiblePlaybook::try_parse_from([&["ansible-playbook"], words].concat()).unwrap().run;
    args.body.options(args.playbooks, Vec::new(), &mut no_password).unwrap()
}

#[test]
fn the_declarations_are_consistent() {
    Cli::command().debug_assert();
    AnsiblePlaybook::command().debug_assert();
    Ansible::command().debug_assert();
    AnsibleInventory::command().debug_assert();
}

#[test]
fn short_options_bundle_as_in_ansible() {
    let options = run("-vvvi inv -CDb -f20 site.yml -l web");
    assert_eq!(options.what, What::Playbooks(vec![PathBuf::from("site.yml")]));
    assert_eq!(options.fleet.verbosity, 3);
    assert_eq!(options.fleet.inventory, ["inv"]);
    assert_eq!(options.fleet.limit.as_deref(), Some("web"));
    assert!(options.check && options.diff && options.privilege.enabled);
    assert_eq!(options.forks, Some(20));
}

#[test]
fn of_an_option_given_twice_the_last_counts_and_lists_add_up() {
    let options = run("-l one -l two -i a -i b -e x=1 -e y=2 -t p,q -t r -b -b site.yml other.yml");
    assert_eq!(options.fleet.limit.as_deref(), Some("two"));
    assert_eq!(options.fleet.inventory, ["a", "b"]);
    assert_eq!(options.fleet.extra_vars, ["x=1", "y=2"]);
    assert_eq!(options.tags, ["p,q", "r"]);
    assert_eq!(options.what, What::Playbooks(vec!["site.yml".into(), "other.yml".into()]));
}

#[test]
fn values_that_look_like_options_or_patterns_are_values() {
    let options = playbook(&[
        "-e",
        "-x",
        "--limit",
        "!a",
        "--ssh-extra-args",
        "-o Foo=bar",
        "--ssh-common-args=-J jump",
        "p.yml",
    ]);
    assert_eq!(options.fleet.extra_vars, ["-x"]);
    assert_eq!(options.fleet.limit.as_deref(), Some("!a"));
    assert_eq!(options.connection.ssh_extra_args.as_deref(), Some("-o Foo=bar"));
    assert_eq!(options.connection.ssh_common_args.as_deref(), Some("-J jump"));
}

#[test]
fn every_option_of_ansible_playbook_is_taken() {
    let options = playbook(&[
        "--inventory-file",
        "h,",
        "--user",
        "deploy",
        "--key-file",
        "/k",
        "--connection",
        "local",
        "--timeout",
        "7",
        "--scp-extra-args",
        "-l 5",
        "--sftp-extra-args",
        "-l 5",
        "--become",
        "--become-method",
        "su",
        "--become-user",
        "db",
        "--start-at-task",
        "a task",
        "--step",
        "--force-handlers",
        "--flush-cache",
        "--module-path",
        "a:b",
        "-M",
        "c",
        "--skip-tags",
        "slow",
        "--vault-id",
        "prod@file",
        "--vault-pass-file",
        "f",
        "--list-hosts",
        "--list-tasks",
        "--list-tags",
        "--syntax-check",
        "--diff",
        "--check",
        "site.yml",
    ]);
    assert_eq!(options.connection.user.as_deref(), Some("deploy"));
    assert_eq!(options.connection.private_key, Some("/k".into()));
    assert_eq!(options.connection.timeout, Some(7));
    assert_eq!(options.privilege.method.as_deref(), Some("su"));
    assert_eq!(options.privilege.user.as_deref(), Some("db"));
    assert_eq!(options.start_at_task.as_deref(), Some("a task"));
    assert!(options.step && options.force_handlers && options.fleet.flush_cache);
    assert_eq!(options.module_path, ["c", "a", "b"].map(PathBuf::from));
    let list = options.list_only;
    assert!(list.hosts && list.tasks && list.tags && list.syntax);
}

#[test]
fn long_options_may_be_shortened_in_ansibles_commands() {
    assert_eq!(playbook(&["--lim", "web", "p.yml"]).fleet.limit.as_deref(), Some("web"));
    // `--list-hosts`, `--list-tasks`, `--limit`, ...: which one is meant?
    assert!(AnsiblePlaybook::try_parse_from(["ansible-playbook", "--li", "p.yml"]).is_err());
}

#[test]
fn passwords_are_asked_for_or_read_but_not_both() {
    let words = ["ansible-playbook", "-K", "--become-password-file", "f", "p.yml"];
    assert_eq!(AnsiblePlaybook::try_parse_from(words).unwrap_err().exit_code(), 2);
    let args = AnsiblePlaybook::try_parse_from(["ansible-playbook", "-kK", "p.yml"]).unwrap().run;
    let mut asked = Vec::new();
    let options = args.body.options(Vec::new(), Vec::new(), &mut |question| {
        asked.push(question.to_owned());
        Ok("typed".to_owned())
    });
    assert_eq!(options.unwrap().privilege.password.unwrap().expose(), "typed");
    assert_eq!(asked, ["SSH password: ", "BECOME password[defaults to SSH password]: "]);
}

#[test]
fn vault_sources_keep_their_order() {
    let words = ["ansible-playbook", "--vault-id", "prod@p.txt", "--vault-id", "dev@prompt", "-J", "x.yml"];
    let args = AnsiblePlaybook::try_parse_from(words).unwrap().run;
    let fleet = &args.body.fleet;
    assert_eq!(fleet.vault_id, ["prod@p.txt", "dev@prompt"]);
    assert!(fleet.ask_vault_password && fleet.vault_password_file.is_empty());
}

#[test]
fn an_ad_hoc_command_is_one_task() {
    let args = Ansible::try_parse_from([
        "ansible",
        "web:!web1",
        "-m",
        "copy",
        "-a",
        "src=a dest=/b",
        "-o",
        "-B",
        "60",
        "-P",
        "0",
    ]);
    let args = args.unwrap();
    assert!(args.one_line);
    let options = args.exec.body.options(args.exec.pattern.as_deref().unwrap(), Vec::new(), &mut no_password).unwrap();
    let (pattern, module, words) = ("web:!web1".to_owned(), "copy".to_owned(), "src=a dest=/b".to_owned());
    assert_eq!(options.what, What::Task { pattern, module, args: words });
    assert_eq!((options.background, options.poll), (Some(60), Some(0)));
    let plain = Ansible::try_parse_from(["ansible", "all", "-a", "-l"]).unwrap();
    assert_eq!((plain.exec.body.module_name.as_str(), plain.exec.body.args.as_str()), ("command", "-l"));
}

#[test]
fn an_inventory_is_shown_in_one_way() {
    let args = AnsibleInventory::try_parse_from(["ansible-inventory", "-i", "x", "--graph", "web", "--vars"]).unwrap();
    assert!(args.inventory.graph && args.inventory.vars && args.inventory.group.as_deref() == Some("web"));
    assert!(AnsibleInventory::try_parse_from(["ansible-inventory", "--list", "--graph"]).is_err());
}

#[test]
fn a_missing_playbook_and_an_unknown_option_are_usage_errors() {
    for words in [
        &["ansible-playbook"][..],
        &["ansible-playbook", "--bogus", "p.yml"],
        &["ansible-playbook", "-f", "0", "p.yml"],
    ] {
        assert_eq!(AnsiblePlaybook::try_parse_from(words).unwrap_err().exit_code(), 2, "{words:?}");
    }
}

#[test]
fn the_output_can_be_chosen() {
    let Command::Run(args) = Cli::try_parse_from(["refit", "run", "p.yml", "--output", "ndjson"]).unwrap().command
    else {
        panic!()
    };
    assert_eq!(args.output.output, Format::Ndjson);
}

#[test]
fn the_programs_name_decides_what_it_is() {
    let called = |name: &str| CalledAs::of(OsStr::new(name));
    assert_eq!(called("/usr/local/bin/ansible-playbook"), CalledAs::AnsiblePlaybook);
    assert_eq!(called("ansible"), CalledAs::Ansible);
    assert_eq!(called("./ansible-inventory"), CalledAs::AnsibleInventory);
    assert_eq!(called("refit-0.1"), CalledAs::Refit);
    assert!(CalledAs::Ansible.version().starts_with("ansible [core 2.19"));
}

#[test]
fn completions_and_man_pages_name_every_command() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "refit", &mut script);
        let script = String::from_utf8(script).unwrap();
        for word in ["run", "plan", "exec", "inventory", "doc", "schema", "completion", "become-method"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(Cli::command(), directory.path()).unwrap();
    assert!(directory.path().join("refit-plan.1").is_file());
}

#[test]
fn the_help_is_as_it_was() {
    let mut help = String::new();
    for name in ["run", "exec", "inventory"] {
        let mut cli = Cli::command();
        cli.build();
        let command = cli.find_subcommand_mut(name).unwrap();
        help.push_str(&format!("## {name}\n{}\n", command.render_help()));
    }
    insta::assert_snapshot!(help);
}

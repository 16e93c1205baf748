//! The command line.

mod apply;
pub mod args;
mod config;
mod execute;
mod explain;
mod galaxy;
mod ground;
mod inventory;
mod lint;
mod misused;
mod names;
mod pager;
mod plan;
mod prompt;
mod reference;
mod shown;
mod vault;

pub use names::CalledAs;
pub use shown::Shown;

use anyhow::Context;
use args::{Ansible, AnsibleInventory, AnsiblePlaybook, AnsibleVault, Cli, Command};
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::io::Write;

/// Runs the program with its command line, the program's name first. The exit code.
pub fn main(words: Vec<OsString>) -> u8 {
    let called = CalledAs::of(words.first().map_or(std::ffi::OsStr::new("refit"), OsString::as_os_str));
    let done = match called {
        CalledAs::Refit => refit(words),
        CalledAs::AnsiblePlaybook => ansible_playbook(words),
        CalledAs::Ansible => ansible(words),
        CalledAs::AnsibleInventory => ansible_inventory(words),
        CalledAs::AnsibleVault => ansible_vault(words),
        CalledAs::AnsibleGalaxy => with(words, called, |args: args::AnsibleGalaxy| galaxy::galaxy(&args.galaxy)),
        CalledAs::AnsibleConfig => with(words, called, |args: args::AnsibleConfig| config::config(&args.config)),
        CalledAs::AnsibleDoc => with(words, called, |args: args::AnsibleDoc| reference::doc(&args.doc)),
    };
    match done {
        Ok(code) => code,
        Err(error) if called == CalledAs::Refit => {
            eprintln!("refit: {error:#}");
            1
        }
        Err(error) => {
            eprintln!("[ERROR]: {error:#}");
            // Ansible's code for options that make no sense.
            if error.is::<misused::Misused>() { 5 } else { 1 }
        }
    }
}

/// The options of a command line, or what clap has to say of it: the exit code.
fn parse<P: Parser>(words: Vec<OsString>) -> Result<P, u8> {
    P::try_parse_from(words).map_err(|error| {
        // Help goes to standard output, errors to standard error. Where neither can be printed there is no one to tell.
        let _ = error.print();
        u8::try_from(error.exit_code()).unwrap_or(2)
    })
}

fn refit(words: Vec<OsString>) -> anyhow::Result<u8> {
    let typed = typed(&words);
    let cli = match parse::<Cli>(words) {
        Ok(cli) => cli,
        Err(code) => return Ok(code),
    };
    match cli.command {
        Command::Doc(args) => reference::doc(&args),
        Command::Schema(args) => reference::schema(&args),
        Command::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "refit", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(0)
        }
        Command::Man(args) => reference::man(&args),
        Command::Run(args) => {
            let shown = Shown::new(args.output.output, args.body.fleet.verbose, args.output.diff_context);
            let options = args.body.options(args.playbooks, typed, &mut prompt::ask)?;
            execute::run(options, &args.body.fleet, shown)
        }
        Command::Plan(args) => plan::plan(*args, typed),
        Command::Show(args) => plan::show(&args),
        Command::Apply(args) => apply::apply(&args, typed),
        Command::Report(args) => plan::report(&args),
        Command::Exec(args) => {
            let mut shown = Shown::new(args.output.output, args.body.fleet.verbose, args.output.diff_context);
            shown.ad_hoc = true;
            let options = args.body.options(&args.pattern, typed, &mut prompt::ask)?;
            execute::run(options, &args.body.fleet, shown)
        }
        Command::Inventory(args) => inventory::show(&args, true),
        Command::Explain(args) => explain::explain(&args),
        Command::Lint(args) => lint::lint(&args),
        Command::Galaxy(args) => galaxy::galaxy(&args),
        Command::Vault(args) => vault::vault(&args.command),
    }
}

fn ansible_playbook(words: Vec<OsString>) -> anyhow::Result<u8> {
    let typed = typed(&words);
    let args = match parse::<AnsiblePlaybook>(words) {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    if args.version {
        print(&CalledAs::AnsiblePlaybook.version())?;
        return Ok(0);
    }
    let body = args.run.body;
    let options = body.options(args.run.playbooks, typed, &mut prompt::ask)?;
    let mut shown = Shown::new(args::Format::Ansible, body.fleet.verbose, 3);
    shown.as_ansible = true;
    execute::run(options, &body.fleet, shown)
}

fn ansible(words: Vec<OsString>) -> anyhow::Result<u8> {
    let typed = typed(&words);
    let args = match parse::<Ansible>(words) {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    if args.version {
        print(&CalledAs::Ansible.version())?;
        return Ok(0);
    }
    let body = args.exec.body;
    let options = body.options(&args.exec.pattern.unwrap_or_default(), typed, &mut prompt::ask)?;
    let mut shown = Shown::new(args::Format::Ansible, body.fleet.verbose, 3);
    shown.ad_hoc = true;
    shown.as_ansible = true;
    shown.one_line = args.one_line;
    shown.tree = args.tree;
    execute::run(options, &body.fleet, shown)
}

fn ansible_inventory(words: Vec<OsString>) -> anyhow::Result<u8> {
    let args = match parse::<AnsibleInventory>(words) {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    if args.version {
        print(&CalledAs::AnsibleInventory.version())?;
        return Ok(0);
    }
    inventory::show(&args.inventory, false)
}

fn ansible_vault(words: Vec<OsString>) -> anyhow::Result<u8> {
    let args = match parse::<AnsibleVault>(words) {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    match (args.version, args.command) {
        (true, _) => print(&CalledAs::AnsibleVault.version()).map(|()| 0),
        (false, Some(command)) => vault::vault(&command),
        (false, None) => Err(misused::Misused("say what to do: encrypt, decrypt, view, ...".to_owned()).into()),
    }
}

/// Does what the options of one of Ansible's commands say; or prints its version.
fn with<P: Parser>(
    words: Vec<OsString>,
    called: CalledAs,
    act: impl FnOnce(P) -> anyhow::Result<u8>,
) -> anyhow::Result<u8> {
    if words.iter().any(|word| word == "--version") {
        return print(&called.version()).map(|()| 0);
    }
    match parse::<P>(words) {
        Ok(args) => act(args),
        Err(code) => Ok(code),
    }
}

/// The command line for the record.
fn typed(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Prints to standard output; a closed pipe is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("can't write the output"),
        _ => Ok(()),
    }
}

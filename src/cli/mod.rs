//! The command line.

pub mod args;
mod reference;

use anyhow::Context;
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::io::Write;

/// Runs the program with its command line, the program's name first. The exit code.
pub fn main(words: Vec<OsString>) -> u8 {
    match dispatch(words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("refit: {error:#}");
            1
        }
    }
}

fn dispatch(words: Vec<OsString>) -> anyhow::Result<u8> {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return Ok(refuse(&error)),
    };
    match cli.command {
        Command::Doc(args) => reference::doc(&args),
        Command::Schema(args) => reference::schema(&args),
        Command::Completion(args) => {
            clap_complete::generate(args.shell, &mut Cli::command(), "refit", &mut std::io::stdout());
            Ok(0)
        }
        Command::Man(args) => reference::man(&args),
        Command::Run(_) | Command::Plan(_) | Command::Exec(_) | Command::Inventory(_) => {
            anyhow::bail!("this build has no engine yet")
        }
    }
}

/// Prints what clap has to say: help on standard output, errors on standard error. The exit code.
fn refuse(error: &clap::Error) -> u8 {
    // Where the message can't be printed there is no one to tell.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// Prints to standard output; a closed pipe is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("can't write the output"),
        _ => Ok(()),
    }
}

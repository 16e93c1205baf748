//! `refit`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(refit::cli::main(std::env::args_os().collect()))
}

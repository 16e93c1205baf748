//! Options of how to reach hosts, and as whom to act there.

use crate::engine::{Become, Connection, Password};
use anyhow::Context;
use clap::Args;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How to reach hosts.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// How to connect: `ssh`, `local`.
    #[arg(short, long, value_name = "KIND")]
    pub connection: Option<String>,
    /// The user to connect as.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// The private key to authenticate with.
    #[arg(long, alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Ask for the connection's password.
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// A file that holds the connection's password, or a program that prints it.
    #[arg(long, alias = "conn-pass-file", value_name = "FILE", conflicts_with = "ask_pass")]
    pub connection_password_file: Option<PathBuf>,
    /// Seconds to wait for a connection.
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
    /// More options for ssh.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// More options for ssh only.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Accepted for scripts' sake: Refit uses no scp.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub scp_extra_args: Option<String>,
    /// Accepted for scripts' sake: Refit uses no sftp.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub sftp_extra_args: Option<String>,
}

/// As whom to act on hosts.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Privileges")]
pub struct BecomeArgs {
    /// Act as another user (root, unless said otherwise).
    #[arg(short, long)]
    pub r#become: bool,
    /// The user to become.
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// How to become it: `sudo`, `su`, `doas`.
    #[arg(long, value_name = "METHOD")]
    pub become_method: Option<String>,
    /// Ask for the password that becoming it needs.
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// A file that holds that password, or a program that prints it.
    #[arg(long, alias = "become-pass-file", value_name = "FILE", conflicts_with = "ask_become_pass")]
    pub become_password_file: Option<PathBuf>,
}

/// Asks the user for a password.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> std::io::Result<String>;

/// Both as the engine takes them, passwords asked for.
pub(in crate::cli) fn reach(
    connection: &ConnectionArgs,
    privilege: &BecomeArgs,
    ask: Ask<'_>,
) -> anyhow::Result<(Connection, Become)> {
    let password = match &connection.connection_password_file {
        Some(file) => Some(password_of(file)?),
        None if connection.ask_pass => Some(Password::new(ask("SSH password: ")?)),
        None => None,
    };
    let become_password = match &privilege.become_password_file {
        Some(file) => Some(password_of(file)?),
        None if privilege.ask_become_pass && password.is_some() => {
            let typed = ask("BECOME password[defaults to SSH password]: ")?;
            if typed.is_empty() { password.clone() } else { Some(Password::new(typed)) }
        }
        None if privilege.ask_become_pass => Some(Password::new(ask("BECOME password: ")?)),
        None => None,
    };
    let connection = Connection {
        kind: connection.connection.clone(),
        user: connection.user.clone(),
        password,
        private_key: connection.private_key.clone(),
        timeout: connection.timeout,
        ssh_common_args: connection.ssh_common_args.clone(),
        ssh_extra_args: connection.ssh_extra_args.clone(),
    };
    let privilege = Become {
        enabled: privilege.r#become,
        user: privilege.become_user.clone(),
        method: privilege.become_method.clone(),
        password: become_password,
    };
    Ok((connection, privilege))
}

/// The password in a file (`-` is standard input), or printed by it where it is a program.
fn password_of(file: &Path) -> anyhow::Result<Password> {
    let mut text = String::new();
    let what = || format!("can't read the password file {}", file.display());
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).with_context(what)?;
    } else if file.metadata().with_context(what)?.permissions().mode() & 0o111 != 0 {
        let file = file.canonicalize().with_context(what)?;
        let output = std::process::Command::new(&file)
            .stderr(std::process::Stdio::inherit())
            .output()
            .with_context(|| format!("can't run the password program {}", file.display()))?;
        if !output.status.success() {
            anyhow::bail!("the password program {} ended with {}", file.display(), output.status);
        }
        text = String::from_utf8(output.stdout).with_context(what)?;
    } else {
        text = std::fs::read_to_string(file).with_context(what)?;
    }
    let password = text.trim_matches(['\r', '\n']);
    if password.is_empty() {
        anyhow::bail!("the password file {} is empty", file.display());
    }
    Ok(Password::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_one(_: &str) -> std::io::Result<String> {
        panic!("no password was to be asked for");
    }

    #[test]
    fn an_empty_become_password_is_the_connections() {
        let connection = ConnectionArgs { ask_pass: true, ..ConnectionArgs::default() };
        let privilege = BecomeArgs { ask_become_pass: true, ..BecomeArgs::default() };
        let mut typed = vec!["", "secret"];
        let mut ask = |_: &str| Ok(typed.pop().unwrap().to_owned());
        let (connection, privilege) = reach(&connection, &privilege, &mut ask).unwrap();
        assert_eq!(connection.password, Some(Password::new("secret")));
        assert_eq!(privilege.password, Some(Password::new("secret")));
    }

    #[test]
    fn a_password_file_is_read_or_run() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        std::fs::write(&file, "from a file\n").unwrap();
        let program = directory.path().join("program");
        std::fs::write(&program, "#!/bin/sh\necho from a program\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let connection = ConnectionArgs { connection_password_file: Some(file), ..ConnectionArgs::default() };
        let privilege = BecomeArgs { become_password_file: Some(program), ..BecomeArgs::default() };
        let (connection, privilege) = reach(&connection, &privilege, &mut no_one).unwrap();
        assert_eq!(connection.password, Some(Password::new("from a file")));
        assert_eq!(privilege.password, Some(Password::new("from a program")));
        let gone =
            ConnectionArgs { connection_password_file: Some("/nonexistent/x".into()), ..ConnectionArgs::default() };
        let error = reach(&gone, &BecomeArgs::default(), &mut no_one).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/x"));
    }
}

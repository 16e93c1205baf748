//! Letting the system's `ssh` ask for a password without a terminal and without writing the password anywhere.
//!
//! `ssh` asks by starting the program in `SSH_ASKPASS`. That program is a shell script in memory that prints a second
//! piece of memory; both are reached through `/proc` as descriptors of this process, which only its own user may open.
//! Needs OpenSSH 8.4 (2020) for `SSH_ASKPASS_REQUIRE`.

use super::{LinkError, Secret};
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

/// The script and the answer, as long as ssh may ask.
pub(super) struct Askpass {
    script: OwnedFd,
    answer: OwnedFd,
}

impl Askpass {
    /// For a password.
    pub fn new(password: &Secret) -> Result<Askpass, LinkError> {
        let answer = in_memory(&format!("{}\n", password.0.as_str()));
        let script = in_memory("#!/bin/sh\nexec cat \"$REFIT_ANSWER\"\n");
        match (script, answer) {
            (Ok(script), Ok(answer)) => Ok(Askpass { script, answer }),
            (Err(error), _) | (_, Err(error)) => Err(LinkError::Unreachable {
                message: format!("the password cannot be handed to ssh: {error}"),
                midway: false,
            }),
        }
    }

    /// The variables for ssh.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |fd: &OwnedFd| format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd());
        let mut variables = vec![
            ("SSH_ASKPASS".to_owned(), path(&self.script)),
            ("SSH_ASKPASS_REQUIRE".to_owned(), "force".to_owned()),
            ("REFIT_ANSWER".to_owned(), path(&self.answer)),
        ];
        if std::env::var_os("DISPLAY").is_none() {
            variables.push(("DISPLAY".to_owned(), ":0".to_owned()));
        }
        variables
    }
}

fn in_memory(content: &str) -> std::io::Result<OwnedFd> {
    let fd = memfd_create("refit", MemfdFlags::CLOEXEC)?;
    fchmod(&fd, Mode::RUSR | Mode::XUSR)?;
    let mut file = File::from(fd);
    file.write_all(content.as_bytes())?;
    // A program that is open for writing can't be started.
    let readable = rustix::fs::open(
        format!("/proc/self/fd/{}", file.as_raw_fd()),
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    Ok(readable)
}

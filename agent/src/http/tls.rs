//! The agent's side of TLS: what a connection is to be checked against, and the program that speaks it.
//!
//! TLS is a third of what the agent would weigh, and most hosts never need it. So it is a program of its own,
//! `refit-agent-tls`, which is sent to a host when the first `https` URL is fetched there. It gets the connection to the
//! server as its standard input, and one to the agent as its standard output, both to read and to write: first a frame
//! with a [`TlsSetup`], then what is to be sent, in clear text; what comes from the server goes the other way. It ends
//! with status 0 where the connection was closed; else it says on standard error what was wrong.

use super::Settings;
use crate::host::{Host, HostError, HostResult, Kind};
use crate::protocol;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where distributions keep the bundle of the roots that they trust.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Where single roots lie on a host without a bundle.
const DIRECTORY: &str = "/etc/ssl/certs";

/// How often, and how long each time, the start is tried where the program is "busy": another thread may be about to
/// start something, and until then that holds the file open that was just written.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// What `refit-agent-tls` needs to know of a connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct TlsSetup {
    /// The server's name or address, which its certificate must be for.
    pub server: String,
    /// The certificates to check it against; none: any certificate will do.
    pub roots: Option<Vec<Pem>>,
    /// The certificate to show, and its key.
    pub client: Option<(Pem, Pem)>,
    /// Ciphers in OpenSSL's terms; empty for all.
    pub ciphers: Vec<String>,
}

/// A file in PEM form.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pem {
    /// Where it was read.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

impl TlsSetup {
    /// How to speak TLS with a server by these settings.
    pub(super) fn new(host: &Host<'_>, settings: &Settings, server: &str) -> HostResult<TlsSetup> {
        let client = match &settings.client_cert {
            None => None,
            Some(path) => {
                Some((certificates(host, path)?, Pem::read(host, settings.client_key.as_ref().unwrap_or(path))?))
            }
        };
        Ok(TlsSetup {
            server: server.to_owned(),
            roots: if settings.validate_certs { Some(roots(host, settings)?) } else { None },
            client,
            ciphers: settings.ciphers.clone(),
        })
    }
}

impl Pem {
    fn read(host: &Host<'_>, path: &Path) -> HostResult<Pem> {
        let text = String::from_utf8_lossy(&host.files.read(path)?).into_owned();
        Ok(Pem { path: path.to_owned(), text })
    }

    fn has_certificates(&self) -> bool {
        self.text.contains("-----BEGIN CERTIFICATE-----")
    }
}

fn certificates(host: &Host<'_>, path: &Path) -> HostResult<Pem> {
    let file = Pem::read(host, path)?;
    if !file.has_certificates() {
        return Err(HostError::other(format!("{} holds no certificate in PEM form", path.display())));
    }
    Ok(file)
}

/// The files of a directory that hold certificates.
fn certificates_in(host: &Host<'_>, directory: &Path) -> HostResult<Vec<Pem>> {
    let mut found: Vec<Pem> = Vec::new();
    for name in host.files.list(directory)? {
        let path = directory.join(name);
        if host.files.stat(&path, true)?.is_some_and(|stat| stat.kind == Kind::File) {
            let file = Pem::read(host, &path)?;
            // Other files may lie there too. Each certificate often lies there by several names.
            if file.has_certificates() && !found.iter().any(|known| known.text == file.text) {
                found.push(file);
            }
        }
    }
    Ok(found)
}

fn roots(host: &Host<'_>, settings: &Settings) -> HostResult<Vec<Pem>> {
    let is = |path: &Path, kind| Ok(host.files.stat(path, true)?.is_some_and(|stat| stat.kind == kind));
    if let Some(path) = &settings.ca_path {
        return if is(path, Kind::Directory)? {
            certificates_in(host, path)
        } else {
            Ok(vec![certificates(host, path)?])
        };
    }
    // As OpenSSL has it: the two variables replace the places that are built in.
    let file = host.processes.variable("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let directory = host.processes.variable("SSL_CERT_DIR").filter(|path| !path.is_empty());
    let mut found = Vec::new();
    if let Some(file) = &file {
        found.push(certificates(host, Path::new(file))?);
    }
    for directory in directory.iter().flat_map(|list| list.split(':')) {
        if is(Path::new(directory), Kind::Directory)? {
            found.extend(certificates_in(host, Path::new(directory))?);
        }
    }
    if file.is_none() && directory.is_none() {
        for bundle in BUNDLES.iter().map(Path::new) {
            if is(bundle, Kind::File)? {
                return Ok(vec![certificates(host, bundle)?]);
            }
        }
        if is(Path::new(DIRECTORY), Kind::Directory)? {
            found = certificates_in(host, Path::new(DIRECTORY))?;
        }
    }
    if found.is_empty() {
        return Err(HostError::other(
            "this host has no CA certificates to check a server's against: install the package ca-certificates, or give \
             `ca_path`",
        ));
    }
    Ok(found)
}

/// The running program of one connection. It ends with this.
pub(super) struct TlsProgram {
    child: Child,
}

impl TlsProgram {
    /// Starts the program at `path` on a connection to a server. Returns the connection to the program, too.
    pub(super) fn start(path: &Path, setup: &TlsSetup, server: OwnedFd) -> HostResult<(TlsProgram, UnixStream)> {
        let failed = |error: io::Error| HostError::Io { doing: "run", path: path.to_owned(), source: error };
        let (own, its) = UnixStream::pair().map_err(failed)?;
        let mut tries = 0;
        let child = loop {
            let server = server.try_clone().map_err(failed)?;
            let its = OwnedFd::from(its.try_clone().map_err(failed)?);
            let started = Command::new(path).stdin(server).stdout(its).stderr(Stdio::piped()).spawn();
            match started {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                started => break started.map_err(failed)?,
            }
        };
        let program = TlsProgram { child };
        drop(its);
        match protocol::write(&mut &own, setup, &[]) {
            Ok(()) => Ok((program, own)),
            Err(error) => Err(program.failure().map_or_else(|| failed(error), HostError::other)),
        }
    }

    /// After the end of the connection: what went wrong, if something did.
    pub(super) fn failure(mut self) -> Option<String> {
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // What can't be read is nothing to tell.
            let _ = stderr.read_to_string(&mut said);
        }
        match self.child.wait() {
            Ok(status) if status.success() => None,
            Ok(status) if said.trim().is_empty() => Some(format!("the program that speaks TLS ended ({status})")),
            Ok(_) => Some(said.trim().to_owned()),
            Err(error) => Some(format!("cannot wait for the program that speaks TLS: {error}")),
        }
    }
}

impl Drop for TlsProgram {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

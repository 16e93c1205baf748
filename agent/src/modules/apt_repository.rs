//! `apt_repository`: apt's sources, a line each.

use super::apt::fetch_lists;
use super::apt_sources::{Files, Line};
use super::file_attributes::Mode;
use super::lineinfile::State;
use super::url_args::failed;
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::{Command, Host};
use crate::http::{Client, Request, Settings, Url};
use crate::outcome::{ModuleResult, Outcome, Stop};
use serde_json::Value;
use std::path::{Path, PathBuf};

args! {
    /// What `apt_repository` takes.
    pub struct Args {
        /// The source as a line of `sources.list`, or `ppa:OWNER/NAME`.
        repo: String,
        /// Whether it is to be there.
        state: State = State::Present,
        /// The mode of a new file.
        mode: Option<Mode>,
        /// Fetch the lists of available packages after a change.
        [aliases = ["update-cache"]]
        update_cache: bool = true,
        /// How often to try again when the lists can't be fetched.
        update_cache_retries: u64 = 5,
        /// Longest pause between two tries in seconds; the pauses double from one second.
        update_cache_retry_max_delay: u64 = 12,
        /// Check the certificate of Launchpad, where a PPA is asked for.
        validate_certs: bool = true,
        /// The file in `/etc/apt/sources.list.d`, `.list` being added; from the source's address where not given.
        filename: Option<String>,
        /// The release for which a PPA is taken, instead of the host's own.
        codename: Option<String>,
        /// For Ansible's own needs: this module needs nothing on the host but apt.
        install_python_apt: bool = true,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "apt_repository",
    aliases: &[],
    summary: "Add and remove sources of apt",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// Seconds to wait for another process that has apt's lock.
const LOCK_TIMEOUT: u64 = 60;

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let repo = args.repo.trim();
    let present = args.state == State::Present;
    let ppa = repo.strip_prefix("ppa:").map(|name| Ppa::new(host, name, &args)).transpose()?;
    let wanted = match &ppa {
        Some(ppa) => ppa.line(),
        None => repo.to_owned(),
    };
    let line = Line::parse(&wanted)
        .filter(|line| line.enabled)
        .ok_or_else(|| Stop::failed(format!("Invalid repository string: {}", args.repo)))?;
    let mut files = Files::read(host)?;
    let edited = match present {
        true => {
            let file = match (&args.filename, &ppa) {
                (Some(name), _) => named(name),
                (None, Some(ppa)) => named(&ppa.file_name()),
                (None, None) => named(&line.suggested_file()),
            };
            files.add(&line, &file)
        }
        false => files.remove(&line),
    };
    let mut outcome = Outcome::changed(edited);
    if edited {
        if let Some(ppa) = ppa.as_ref().filter(|_| present) {
            ppa.trust(host, args.validate_certs)?;
        }
        let mode = args.mode.as_ref().map(|mode| mode.bits(0o644, false, host.files.umask(), None));
        let written = files.write(host, mode)?;
        if call.diff {
            outcome.diff = written.diffs;
        }
        outcome = outcome.with("sources_added", paths(&written.added)).with("sources_removed", paths(&written.removed));
        if args.update_cache {
            let fetched = fetch_lists(host, args.update_cache_retries, args.update_cache_retry_max_delay, LOCK_TIMEOUT);
            if let Err(stop @ Stop::Failed(_)) = fetched {
                // A source that can't be reached must not keep apt from all others.
                files.restore(host)?;
                return Err(stop);
            }
            fetched?;
        }
    } else {
        outcome = outcome.with("sources_added", paths(&[])).with("sources_removed", paths(&[]));
    }
    Ok(outcome.with("repo", args.repo.clone()).with("state", args.state.word()))
}

fn paths(paths: &[PathBuf]) -> Value {
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

fn named(name: &str) -> PathBuf {
    Path::new("/etc/apt/sources.list.d").join(format!("{name}.list"))
}

/// A personal package archive on Launchpad.
struct Ppa {
    owner: String,
    name: String,
    codename: String,
}

impl Ppa {
    fn new(host: &Host<'_>, name: &str, args: &Args) -> Result<Ppa, Stop> {
        let (owner, name) = name.split_once('/').unwrap_or((name, "ppa"));
        let codename = match &args.codename {
            Some(codename) => codename.clone(),
            None => {
                let release = host.files.read(Path::new("/etc/os-release"))?;
                let release = String::from_utf8_lossy(&release).into_owned();
                let value = |key: &str| {
                    let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
                    Some(line.trim_matches('"').to_owned())
                };
                value("UBUNTU_CODENAME")
                    .or_else(|| value("VERSION_CODENAME"))
                    .ok_or_else(|| Stop::failed("/etc/os-release has no code name of the release; give `codename`"))?
            }
        };
        Ok(Ppa { owner: owner.to_owned(), name: name.to_owned(), codename })
    }

    fn line(&self) -> String {
        format!("deb http://ppa.launchpad.net/{}/{}/ubuntu {} main", self.owner, self.name, self.codename)
    }

    fn file_name(&self) -> String {
        format!("ppa_{}_{}_{}", self.owner, self.name, self.codename)
    }

    /// Puts the archive's key where apt finds it.
    fn trust(&self, host: &Host<'_>, validate_certs: bool) -> Result<(), Stop> {
        let url = format!("https://launchpad.net/api/1.0/~{}/+archive/{}", self.owner, self.name);
        let cannot = |why: String| {
            Stop::failed(format!("cannot learn the signing key of ppa:{}/{}: {why}", self.owner, self.name))
        };
        let fetch = |url: &str, accept: &str| -> Result<Vec<u8>, Stop> {
            let settings = Settings { validate_certs, spool: host.files.temporary_dir(), ..Settings::default() };
            let request = Request {
                headers: vec![("Accept".to_owned(), accept.to_owned())],
                ..Request::get(Url::parse(url).map_err(cannot)?)
            };
            let answer = failed(Client::new(host, &settings).fetch(request))?.map_err(cannot)?;
            match answer.status {
                200 => Ok(answer.body.to_vec()),
                status => Err(cannot(format!("{url}: {status} {}", answer.reason))),
            }
        };
        let about: Value = serde_json::from_slice(&fetch(&url, "application/json")?)
            .map_err(|error| cannot(format!("{url}: {error}")))?;
        let Some(fingerprint) = about["signing_key_fingerprint"].as_str() else {
            return Err(cannot(format!("{url} tells of no key")));
        };
        let key = format!("https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x{fingerprint}");
        let armored = fetch(&key, "*/*")?;
        let mut command = Command::reading(["gpg", "--dearmor"]);
        command.stdin = armored;
        let finished = host.processes.run(&command)?;
        if finished.status != 0 {
            return Err(cannot(format!("gpg does not take it: {}", finished.stderr_text().trim())));
        }
        let path = format!("/etc/apt/trusted.gpg.d/ppa_{}_{}.gpg", self.owner, self.name);
        Ok(host.files.write(Path::new(&path), &finished.stdout, &crate::host::WriteOptions::default())?)
    }
}

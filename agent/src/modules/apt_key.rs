//! `apt_key`: keys by which apt trusts sources, by the host's `apt-key`.

use super::download::download;
use super::lineinfile::State;
use super::{Call, Module, Rule, host_path};
use crate::args;
use crate::args::Args as _;
use crate::host::{Command, Finished, Foresight, Host, HostResult};
use crate::outcome::{ModuleResult, Outcome, Stop};
use std::path::{Path, PathBuf};

args! {
    /// What `apt_key` takes.
    pub struct Args {
        /// The key's identifier: 8, 16 or 40 hexadecimal digits. Needed to remove one.
        id: Option<String>,
        /// The key itself.
        data: Option<String>,
        /// A file of the host that holds the key.
        file: Option<PathBuf>,
        /// Where to fetch the key.
        url: Option<String>,
        /// The file in `/etc/apt/trusted.gpg.d` that holds it.
        keyring: Option<PathBuf>,
        /// The server of keys to ask for `id`.
        keyserver: Option<String>,
        /// Check the certificate of the URL's server.
        validate_certs: bool = true,
        /// Whether the key is to be there.
        state: State = State::Present,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "apt_key",
    aliases: &[],
    summary: "Add and remove keys of apt",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["data", "file", "keyserver", "url"])],
    free_form: None,
    run: Some(run),
};

/// A key's identifier in its three lengths; a shorter one where only that is known.
struct Id {
    short: String,
    long: String,
    full: String,
}

impl Id {
    fn parse(text: &str) -> Result<Id, Stop> {
        let bare = text.trim().trim_start_matches("0x").trim_start_matches("0X").replace(' ', "").to_uppercase();
        if !bare.bytes().all(|byte| byte.is_ascii_hexdigit()) || !matches!(bare.len(), 8 | 16 | 40) {
            return Err(Stop::failed(format!("Invalid key_id: {text}: it must have 8, 16 or 40 hexadecimal digits")));
        }
        let last = |digits: usize| bare[bare.len().saturating_sub(digits)..].to_owned();
        Ok(Id { short: last(8), long: last(16), full: bare })
    }

    /// Whether a listed key is this one.
    fn is(&self, listed: &str) -> bool {
        listed.ends_with(&self.long) || (self.full.len() == 8 && listed.ends_with(&self.short))
    }
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    if host.processes.which("apt-key")?.is_none() {
        return Err(Stop::failed(
            "Failed to find required executable \"apt-key\": this release has done away with it; put the key into a file of \
             /etc/apt/keyrings, and name it by `signed-by` in the source",
        ));
    }
    let mut keys = Keys { host, keyring: None };
    keys.keyring = args.keyring.as_ref().map(|path| host_path::absolute(host, path)).transpose()?;
    let before = keys.list()?;
    let material = match (&args.data, &args.file, &args.url) {
        (Some(data), _, _) => Some(data.clone().into_bytes()),
        (_, Some(file), _) => Some(host.files.read(&host_path::absolute(host, file)?)?),
        (_, _, Some(url)) if args.state == State::Present || args.id.is_none() => {
            // A key that is there needs no fetching.
            let there =
                args.id.as_deref().map(Id::parse).transpose()?.is_some_and(|id| before.iter().any(|key| id.is(key)));
            if there { None } else { Some(fetch(host, url, args.validate_certs)?) }
        }
        _ => None,
    };
    let of_material = match &material {
        Some(material) => keys.of(material)?,
        None => Vec::new(),
    };
    let id = match (&args.id, of_material.first()) {
        (Some(id), _) => Id::parse(id)?,
        (None, Some(found)) => Id::parse(found)?,
        (None, None) => return Err(Stop::failed("missing key_id: give `id`, or the key by `data`, `file` or `url`")),
    };
    let there = before.iter().any(|key| id.is(key));
    let mut outcome = Outcome::ok();
    match (args.state, there) {
        (State::Present, true) | (State::Absent, false) => {}
        (State::Present, false) => {
            match (&material, &args.keyserver) {
                (Some(material), _) => {
                    if !of_material.iter().any(|key| id.is(key)) {
                        return Err(Stop::failed(format!(
                            "key does not seem to have been added: {} is not among the keys that were given ({})",
                            id.full,
                            of_material.join(", ")
                        )));
                    }
                    keys.add(material, &before, &of_material)?;
                }
                (None, Some(server)) => keys.receive(server, &id, &before)?,
                (None, None) => {
                    return Err(Stop::failed(
                        "the key is not there, and neither `data`, `file`, `url` nor `keyserver` says where it is",
                    ));
                }
            }
            outcome.changed = true;
        }
        (State::Absent, true) => {
            keys.remove(&id, &before)?;
            outcome.changed = true;
        }
    }
    if outcome.changed {
        let after = keys.list()?;
        if after.iter().any(|key| id.is(key)) != (args.state == State::Present) {
            return Err(Stop::failed(format!("apt-key did not do what it should with the key {}", id.full)));
        }
        outcome = outcome.with("after", after);
    }
    Ok(outcome
        .with("before", before)
        .with("id", args.id.clone())
        .with("key_id", id.full.clone())
        .with("fp", id.long.clone())
        .with("short_id", id.short.clone()))
}

fn fetch(host: &Host<'_>, url: &str, validate_certs: bool) -> Result<Vec<u8>, Stop> {
    let cannot = |why| Stop::failed(format!("error getting key id from url: {url}: {why}"));
    Ok(download(host, url, validate_certs)?.map_err(cannot)?.to_vec())
}

/// apt's keys, or those of one file.
struct Keys<'a> {
    host: &'a Host<'a>,
    keyring: Option<PathBuf>,
}

impl Keys<'_> {
    fn argv(&self, words: &[&str]) -> Vec<String> {
        let mut argv = vec!["apt-key".to_owned()];
        if let Some(keyring) = &self.keyring {
            argv.extend(["--keyring".to_owned(), keyring.to_string_lossy().into_owned()]);
        }
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv
    }

    fn listing(&self) -> Vec<String> {
        self.argv(&["adv", "--list-public-keys", "--keyid-format=long", "--with-colons"])
    }

    fn prepared(mut command: Command) -> Command {
        for (name, value) in [("LC_ALL", "C"), ("APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE", "1")] {
            command.environment.push((name.to_owned(), value.to_owned()));
        }
        command
    }

    /// The long identifiers of the keys.
    fn list(&self) -> Result<Vec<String>, Stop> {
        let missing = match &self.keyring {
            Some(keyring) => self.host.files.stat(keyring, true)?.is_none(),
            None => false,
        };
        if missing {
            return Ok(Vec::new());
        }
        let finished = self.host.processes.run(&Keys::prepared(Command::reading(self.listing())))?;
        if finished.status != 0 {
            return Err(Stop::failed(format!("Unable to list public keys: {}", finished.stderr_text().trim())));
        }
        Ok(identifiers(&finished.stdout_text()))
    }

    /// The long identifiers of the keys in a text or a file of gpg's.
    fn of(&self, material: &[u8]) -> Result<Vec<String>, Stop> {
        // Without the files that gpg else makes in the user's home.
        let apart = "--homedir=/nonexistent --no-options --no-keyring --trust-model=always --lock-never --no-autostart";
        let show = ["--show-keys", "--keyid-format=long", "--with-colons"];
        let argv = ["gpg"].into_iter().chain(apart.split(' ')).chain(show);
        let mut command = Keys::prepared(Command::reading(argv));
        command.stdin = material.to_vec();
        let finished = self.host.processes.run(&command)?;
        let found = identifiers(&finished.stdout_text());
        if found.is_empty() {
            return Err(Stop::failed(format!("there is no key in what was given: {}", finished.stderr_text().trim())));
        }
        Ok(found)
    }

    fn change(&self, argv: Vec<String>, stdin: &[u8], after: &[String]) -> Result<(), Stop> {
        let shown = argv.join(" ");
        let mut command = Keys::prepared(Command::changing(argv, format!("what `{shown}` does")));
        command.stdin = stdin.to_vec();
        let finished = self.host.processes.perform(&command, &|foresight| self.foresee(foresight, after))?;
        match finished.status {
            0 => Ok(()),
            status => {
                Err(Stop::failed(format!("`{shown}` ended with status {status}: {}", finished.stderr_text().trim())))
            }
        }
    }

    fn foresee(&self, foresight: &dyn Foresight, after: &[String]) -> HostResult<Finished> {
        foresight.must_be_root("changing apt's keys")?;
        let text: String = after.iter().map(|key| format!("pub:-:0:0:{key}:0:::-:::\n")).collect();
        let argv = self.listing();
        foresight.program_says(&argv.iter().map(String::as_str).collect::<Vec<_>>(), Finished::saying(text))?;
        let file = self.keyring.as_deref().unwrap_or(Path::new("/etc/apt/trusted.gpg"));
        if self.host.files.stat(file, true)?.is_none() {
            let options = crate::host::WriteOptions { mode: Some(0o644), ..Default::default() };
            self.host.files.write(file, b"", &options)?;
        }
        foresight.hide(file, false, "the keys that apt-key writes there")?;
        Ok(Finished::saying(""))
    }

    fn add(&self, material: &[u8], before: &[String], new: &[String]) -> Result<(), Stop> {
        self.change(self.argv(&["add", "-"]), material, &[before, new].concat())
    }

    fn receive(&self, server: &str, id: &Id, before: &[String]) -> Result<(), Stop> {
        let argv = self.argv(&["adv", "--no-tty", "--keyserver", server, "--recv", &id.full]);
        self.change(argv, b"", &[before, std::slice::from_ref(&id.long)].concat())
    }

    fn remove(&self, id: &Id, before: &[String]) -> Result<(), Stop> {
        let after: Vec<String> = before.iter().filter(|key| !id.is(key)).cloned().collect();
        self.change(self.argv(&["del", &id.short]), b"", &after)
    }
}

/// The identifiers of keys and of their parts, in gpg's listing with colons.
fn identifiers(text: &str) -> Vec<String> {
    let key = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        matches!(fields.first(), Some(&("pub" | "sub"))).then(|| fields.get(4).map(|id| (*id).to_owned()))?
    };
    text.lines().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_three_lengths() {
        let id = Id::parse("0x36A1D7869245C8950F966E92D8576A8BA88D21E9").unwrap();
        assert_eq!((id.short.as_str(), id.long.as_str()), ("A88D21E9", "D8576A8BA88D21E9"));
        assert!(id.is("D8576A8BA88D21E9") && !id.is("0000000000000000"));
        assert!(Id::parse("A88D21E9").unwrap().is("D8576A8BA88D21E9"));
        assert!(Id::parse("xyz").is_err() && Id::parse("ABC").is_err());
    }

    #[test]
    fn keys_are_read_off_listings() {
        let text = "tru:o:1:1:1:3:1:5\npub:-:4096:1:D8576A8BA88D21E9:1:::-:::scSC::::::23::0:\nfpr:::::::::36A1:\nsub:-:4096:1:AAAA:1::::::e:\n";
        assert_eq!(identifiers(text), ["D8576A8BA88D21E9", "AAAA"]);
    }
}

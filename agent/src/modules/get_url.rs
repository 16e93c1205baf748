//! `get_url`: a file from a URL.

use super::checksum::Algorithm;
use super::file_attributes::{FileArgs, describe};
use super::file_content::{Content, content_diff};
use super::host_path::{absolute, ends_with_slash, without_slash};
use super::url_args::{UrlArgs, disposition_name, failed, user};
use super::{Call, Module};
use crate::args;
use crate::args::{Arg as _, Args as _};
use crate::host::{Host, Kind};
use crate::http::{Client, Request, Settings, Spool, Url};
use crate::outcome::{Failure, ModuleResult, Outcome, Stop};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Instant;

args! {
    /// What `get_url` takes.
    pub struct Args {
        /// What is fetched: `http://`, `https://`, or `file://` for a file of the host.
        url: String,
        /// Where to: a file, or a directory, in which the file gets the name that the server or the URL tells.
        dest: PathBuf,
        /// The checksum that the file must have: `sha256:HEX`, or `sha256:URL` of a file of checksums that has a line for
        /// the file's name. A file that has it already is not fetched again, except with `force`; one that has another is
        /// replaced.
        checksum: String = String::new(),
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// Headers.
        headers: Map<String, Value> = Map::new(),
        /// Seconds that each wait for the server may take.
        timeout: u64 = 10,
        /// The directory for what is being fetched, where it is large.
        tmp_dest: Option<PathBuf>,
        /// The user name for the server, which may ask for it as Basic or Digest.
        [aliases = ["username"]]
        url_username: Option<String>,
        /// The password.
        [aliases = ["password"]] [secret]
        url_password: Option<String>,
    } with {
        /// How it is fetched.
        web: UrlArgs,
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "get_url",
    aliases: &[],
    summary: "Fetch a file from a URL",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// A checksum that a file must have.
struct Expected {
    algorithm: Algorithm,
    hex: String,
}

/// What came.
struct Fetched {
    status: Option<u16>,
    msg: String,
    name: String,
    content: Spool,
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let start = Instant::now();
    let written = absolute(host, &args.dest)?;
    let mut dest = without_slash(&written);
    let there = host.files.stat(&dest, true)?;
    let directory = there.as_ref().is_some_and(|stat| stat.kind == Kind::Directory);
    let mut failing =
        Failing { host, url: &args.url, dest: written.clone(), checksum_src: None, checksum_dest: None, start };
    let url = Url::parse(&args.url).map_err(|why| failing.with(why))?;
    let mut settings =
        args.web.settings(host, args.timeout, user(args.url_username.clone(), args.url_password.clone()))?;
    if let Some(directory) = &args.tmp_dest {
        settings.spool = absolute(host, directory)?;
        match host.files.stat(&settings.spool, true)? {
            Some(stat) if stat.kind == Kind::Directory => {}
            Some(_) => return Err(failing.with(format!("`tmp_dest`: {} is no directory", settings.spool.display()))),
            None => return Err(failing.with(format!("`tmp_dest`: {} does not exist", settings.spool.display()))),
        }
    }
    let expected = expected(&args, host, &settings, &url, &failing)?;
    let wanted = args.file.wanted(host)?;
    let mut web = args.web.clone();
    let mut since = None;
    if let Some(stat) = there.as_ref().filter(|_| !directory) {
        match &expected {
            _ if web.force => {}
            Some(expected) if expected.algorithm.of_file(host.files, &dest)? == expected.hex => {
                let change = wanted.apply(host, &dest, false)?;
                let msg = match change.any() {
                    true => "file already exists but file attributes changed",
                    false => "file already exists",
                };
                let mut outcome = Outcome::changed(change.any()).with("msg", msg).with("url", args.url.as_str());
                outcome = outcome.with("dest", shown(&dest)).with("checksum_src", Value::Null);
                outcome = outcome.with("checksum_dest", Value::Null).with("elapsed", start.elapsed().as_secs());
                describe(host, &dest, &mut outcome.result)?;
                outcome.diff.extend(change.diff_of(&dest));
                return Ok(outcome);
            }
            Some(_) => web.force = true,
            None => since = Some(stat.mtime),
        }
    }
    let headers = web.headers(&args.headers, since)?;
    let fetched = fetch(host, &settings, &url, headers, &failing)?;
    if fetched.status == Some(304) {
        let change = wanted.apply(host, &dest, false)?;
        let mut outcome = Outcome::changed(change.any()).with("msg", fetched.msg).with("status_code", 304);
        outcome = outcome.with("url", args.url.as_str()).with("dest", shown(&dest));
        outcome = outcome.with("elapsed", start.elapsed().as_secs());
        describe(host, &dest, &mut outcome.result)?;
        outcome.diff.extend(change.diff_of(&dest));
        return Ok(outcome);
    }
    if directory {
        dest = dest.join(&fetched.name);
    }
    if directory {
        failing.dest.clone_from(&dest);
    }
    let content: &[u8] = &fetched.content;
    let before = match host.files.stat(&dest, true)? {
        Some(stat) if stat.kind == Kind::Directory => {
            return Err(failing.with(format!("{} is a directory", dest.display())));
        }
        Some(_) => Some(host.files.read(&dest)?),
        None => None,
    };
    failing.checksum_src = Some(Algorithm::Sha1.of(content));
    failing.checksum_dest = before.as_deref().map(|before| Algorithm::Sha1.of(before));
    let parent = if ends_with_slash(&written) && !directory { &dest } else { dest.parent().unwrap_or(Path::new("/")) };
    if !host.files.stat(parent, true)?.is_some_and(|stat| stat.kind == Kind::Directory) {
        return Err(failing.with(format!("Destination {} does not exist", parent.display())));
    }
    if let Some(expected) = &expected {
        let hex = expected.algorithm.of(content);
        if hex != expected.hex {
            return Err(failing.with(format!(
                "the checksum ({}) of what came from {} is {hex} and should be {}; {} is left as it was",
                expected.algorithm.word(),
                args.url,
                expected.hex,
                dest.display()
            )));
        }
    }
    let done = Content {
        path: &dest,
        before: before.as_deref(),
        after: content,
        wanted: &wanted,
        backup: args.backup,
        validate: None,
    }
    .put(host)?;
    let mut outcome = Outcome::changed(done.written || done.attributes.any())
        .with("msg", fetched.msg)
        .with("status_code", fetched.status)
        .with("url", args.url.as_str())
        .with("dest", shown(&dest))
        .with("checksum_src", failing.checksum_src)
        .with("checksum_dest", failing.checksum_dest)
        .with("md5sum", Algorithm::Md5.of(content))
        .with("elapsed", start.elapsed().as_secs());
    if let Some(kept) = &done.backup_file {
        outcome = outcome.with("backup_file", shown(kept));
    }
    describe(host, &dest, &mut outcome.result)?;
    if done.written && call.diff {
        outcome = outcome.with_diff(content_diff(&shown(&dest), &args.url, before.as_deref(), Some(content)));
    }
    outcome.diff.extend(done.attributes.diff_of(&dest));
    Ok(outcome)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What every failure tells.
struct Failing<'a> {
    host: &'a Host<'a>,
    url: &'a str,
    dest: PathBuf,
    checksum_src: Option<String>,
    checksum_dest: Option<String>,
    start: Instant,
}

impl Failing<'_> {
    fn failure(&self, msg: String) -> Failure {
        let mut failure = Failure::new(msg)
            .with("url", self.url)
            .with("dest", shown(&self.dest))
            .with("checksum_src", self.checksum_src.clone())
            .with("checksum_dest", self.checksum_dest.clone())
            .with("elapsed", self.start.elapsed().as_secs());
        let mut described = Map::new();
        // The failure is what the user must see: one of its description is not worth a second message.
        if describe(self.host, &self.dest, &mut described).is_ok() && described.len() > 1 {
            failure.result.extend(described);
        }
        failure
    }

    fn with(&self, msg: impl Into<String>) -> Stop {
        self.failure(msg.into()).into()
    }
}

fn fetch(
    host: &Host<'_>,
    settings: &Settings,
    url: &Url,
    headers: Vec<(String, String)>,
    failing: &Failing<'_>,
) -> Result<Fetched, Stop> {
    if url.scheme == "file" {
        let path = PathBuf::from(crate::http::decode(&url.target));
        let content = host.files.read(&path).map_err(|error| failing.with(format!("Request failed: {error}")))?;
        let msg = format!("OK ({} bytes)", content.len());
        return Ok(Fetched { status: None, msg, name: url.file_name(), content: Spool::Memory(content) });
    }
    let request = Request { headers, ..Request::get(url.clone()) };
    let answer = match failed(Client::new(host, settings).fetch(request))? {
        Ok(answer) => answer,
        Err(why) => return Err(failing.with(format!("Request failed: {why}"))),
    };
    let length = answer.header("content-length").unwrap_or_else(|| "unknown".to_owned());
    let told = match answer.status {
        200..300 => format!("OK ({length} bytes)"),
        status => format!("HTTP Error {status}: {}", answer.reason),
    };
    if answer.status != 200 && answer.status != 304 {
        let failure = failing.failure(format!("Request failed: {url}: {told}"));
        return Err(failure.with("status_code", answer.status).with("response", told).into());
    }
    let named = answer.header("content-disposition").and_then(|header| disposition_name(&header));
    let name = named.unwrap_or_else(|| answer.url.file_name());
    Ok(Fetched { status: Some(answer.status), msg: told, name, content: answer.body })
}

/// Reads `checksum`, and where it names a URL the file of checksums there.
fn expected(
    args: &Args,
    host: &Host<'_>,
    settings: &Settings,
    url: &Url,
    failing: &Failing<'_>,
) -> Result<Option<Expected>, Stop> {
    if args.checksum.is_empty() {
        return Ok(None);
    }
    let Some((algorithm, value)) = args.checksum.split_once(':') else {
        return Err(failing.with(format!("`checksum`: {:?} is not of the form ALGORITHM:CHECKSUM", args.checksum)));
    };
    let algorithm = Algorithm::parse(&algorithm.trim().to_ascii_lowercase().into())
        .map_err(|why| failing.with(format!("`checksum`: the algorithm {why}")))?;
    let value = value.trim();
    let hex = match Url::parse(value) {
        Ok(list) => {
            let headers = args.web.headers(&args.headers, None)?;
            let dest = failing.dest.clone();
            let of_list =
                Failing { host, url: value, dest, checksum_src: None, checksum_dest: None, start: failing.start };
            let fetched = fetch(host, settings, &list, headers, &of_list)?;
            let text = String::from_utf8_lossy(&fetched.content).into_owned();
            let name = url.file_name();
            in_list(&text, &name).ok_or_else(|| failing.with(format!("{value} has no checksum for a file {name}")))?
        }
        Err(_) => value.to_owned(),
    };
    let hex = hex.to_ascii_lowercase();
    // As many digits as a checksum of nothing at all has.
    if hex.len() != algorithm.of(b"").len() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(failing.with(format!("`checksum`: {hex:?} is no checksum of the kind {}", algorithm.word())));
    }
    Ok(Some(Expected { algorithm, hex }))
}

/// The checksum of a file in a list as `sha256sum` writes it, also in the form of BSD (`SHA256 (name) = ...`), or of a
/// file that holds one checksum alone.
fn in_list(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [only] = lines.as_slice()
        && !only.contains(char::is_whitespace)
    {
        return Some((*only).to_owned());
    }
    let same = |listed: &str| {
        let listed = listed.trim().trim_start_matches('*');
        listed.strip_prefix("./").unwrap_or(listed) == name
    };
    lines.iter().find_map(|line| match line.rsplit_once(") = ") {
        Some((head, hex)) => same(head.split_once('(')?.1).then(|| hex.to_owned()),
        None => {
            let (hex, listed) = line.split_once(char::is_whitespace)?;
            same(listed).then(|| hex.to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_checksums() {
        let list = "aa  other.txt\nbb *f.txt\ncc  ./g.txt\nSHA256 (h.txt) = dd\nee  sub/i.txt\n";
        let of = |name: &str| in_list(list, name);
        assert_eq!(of("f.txt").as_deref(), Some("bb"));
        assert_eq!(of("g.txt").as_deref(), Some("cc"));
        assert_eq!(of("h.txt").as_deref(), Some("dd"));
        assert_eq!(of("i.txt"), None, "a file of the same name elsewhere is another file");
        assert_eq!(in_list("ff\n", "f.txt").as_deref(), Some("ff"));
        assert_eq!(in_list("aa f\nbb g\n", "h"), None);
    }
}

//! `uri`: a request to a web service.
//!
//! # What the controller does
//! Without `remote_src` the file `src` is the controller's: it goes along as [`Payload::File`] in the argument
//! `_payload`, as for [`copy`](super::copy). So do the files that fields of a `form-multipart` body name by `filename`
//! without `content`: in the argument `_parts`, a mapping from the field's name to its payload.

use super::byte_text::Encoding;
use super::copy::{Payload, blob, payload};
use super::file_attributes::{FileArgs, describe};
use super::file_content::{Content, content_diff};
use super::host_path::absolute;
use super::uri_body;
use super::url_args::{UrlArgs, disposition_name, failed, user};
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Host, HostResult, Kind};
use crate::http::{Client, Follow, Request, Response, Url};
use crate::outcome::{Failure, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Instant;

choices! {
    /// How a body is written.
    pub enum BodyFormat {
        /// As a form in a browser.
        FormUrlencoded = "form-urlencoded",
        /// As JSON.
        Json = "json",
        /// As it is.
        Raw = "raw",
        /// As a form with files.
        FormMultipart = "form-multipart",
    }
}

args! {
    /// What `uri` takes.
    pub struct Args {
        /// What is asked for: `http://` or `https://`.
        url: String,
        /// The method. GET, HEAD and OPTIONS are done in a dry run too; what others do is unknown there.
        method: String = "GET".to_owned(),
        /// The body. What it may be depends on `body_format`.
        body: Option<Value>,
        /// How the body is written: `json` takes any value, or JSON as text; `form-urlencoded` a mapping, a list of
        /// pairs, or text; `form-multipart` a mapping; `raw` text. Sets the header `Content-Type`; one in `headers` is
        /// kept, except with `form-multipart`.
        body_format: BodyFormat = BodyFormat::Raw,
        /// A file whose content is the body.
        src: Option<PathBuf>,
        /// `src`, and files of a `form-multipart` body, are on the host.
        remote_src: bool = false,
        /// Headers.
        headers: Map<String, Value> = Map::new(),
        /// The statuses that mean success.
        status_code: Vec<u64> = vec![200],
        /// Tell the answer's content as `content`. JSON is told as `json` in any case.
        return_content: bool = false,
        /// Write the answer's content to this file, or into this directory by the name that the server or the URL
        /// tells.
        dest: Option<PathBuf>,
        /// Where this path exists, nothing is done.
        creates: Option<PathBuf>,
        /// Where this path does not exist, nothing is done.
        removes: Option<PathBuf>,
        /// Which redirects are followed: `safe` those of GET and HEAD, `all`, `none`, or `urllib2`: also those of POST
        /// that lead to a GET. User name, password and cookies don't go along to another server.
        follow_redirects: Follow = Follow::Safe,
        /// Seconds that each wait for the server may take.
        timeout: u64 = 30,
        /// The user name for the server, which may ask for it as Basic or Digest.
        [aliases = ["user"]]
        url_username: Option<String>,
        /// The password.
        [aliases = ["password"]] [secret]
        url_password: Option<String>,
        /// A file of certificates in PEM form, or a directory of such files, to check the server's against, instead of
        /// those that the host trusts.
        ca_path: Option<PathBuf>,
        /// A UNIX socket to connect to, instead of the URL's host.
        unix_socket: Option<PathBuf>,
    } with {
        /// How it is fetched.
        web: UrlArgs,
        /// Mode, owner and the like of `dest`.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "uri",
    aliases: &[],
    summary: "Make a request to a web service",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["body", "src"])],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    if let Some(outcome) = left_out(&args, host)? {
        return Ok(outcome);
    }
    let start = Instant::now();
    let url = Url::parse(&args.url).map_err(|why| no_answer(&args.url, &why, start))?;
    let method = args.method.trim().to_ascii_uppercase();
    let dest = args.dest.as_deref().map(|dest| absolute(host, dest)).transpose()?;
    let there = match &dest {
        Some(dest) => host.files.stat(dest, true)?,
        None => None,
    };
    let directory = there.as_ref().is_some_and(|stat| stat.kind == Kind::Directory);
    let since = there.as_ref().filter(|_| !directory).map(|stat| stat.mtime);
    let mut headers = args.web.headers(&args.headers, since)?;
    let body = body(call, &args, &mut headers)?;
    let mut settings =
        args.web.settings(host, args.timeout, user(args.url_username.clone(), args.url_password.clone()))?;
    settings.follow = args.follow_redirects;
    settings.ca_path = args.ca_path.as_deref().map(|path| absolute(host, path)).transpose()?;
    settings.unix_socket = args.unix_socket.as_deref().map(|path| absolute(host, path)).transpose()?;
    if !["GET", "HEAD", "OPTIONS"].contains(&method.as_str()) {
        host.net.may_change(&format!("what {method} {url} does"))?;
    }
    let request = Request { method, url: url.clone(), headers, body };
    let answer = match failed(Client::new(host, &settings).fetch(request))? {
        Ok(answer) => answer,
        Err(why) => return Err(no_answer(&args.url, &why, start)),
    };
    let mut result = told(&args, &answer, start);
    let wanted = args.status_code.contains(&answer.status.into());
    let dest = dest.map(|dest| if directory { dest.join(name_of(&answer)) } else { dest });
    if let Some(dest) = &dest {
        result.insert("path".to_owned(), dest.to_string_lossy().into_owned().into());
    }
    if !wanted {
        if let Some(dest) = dest.filter(|_| there.is_some()) {
            describe(host, &dest, &mut result)?;
        }
        let codes: Vec<String> = args.status_code.iter().map(u64::to_string).collect();
        let msg = result.get("msg").and_then(Value::as_str).unwrap_or_default();
        let msg = format!("Status code was {} and not [{}]: {msg}", answer.status, codes.join(", "));
        result.remove("body");
        return Err(Stop::Failed(Failure { msg, result, ..Failure::default() }));
    }
    let mut outcome = Outcome { result, ..Outcome::default() };
    if let Some(dest) = dest {
        write(call, &args, &dest, &answer, &mut outcome)?;
    }
    Ok(outcome)
}

/// `creates` and `removes`.
fn left_out(args: &Args, host: &Host<'_>) -> Result<Option<Outcome>, Stop> {
    let there = |path: &Path| -> HostResult<bool> { Ok(host.files.stat(&absolute(host, path)?, true)?.is_some()) };
    let why = match (&args.creates, &args.removes) {
        (Some(path), _) if there(path)? => format!("skipped, since '{}' exists", path.display()),
        (_, Some(path)) if !there(path)? => format!("skipped, since '{}' does not exist", path.display()),
        _ => return Ok(None),
    };
    Ok(Some(Outcome::ok().with("stdout", why)))
}

/// There was no answer at all.
fn no_answer(url: &str, why: &str, start: Instant) -> Stop {
    Failure::new(format!("no answer from {url}: {why}"))
        .with("status", -1)
        .with("url", url)
        .with("redirected", false)
        .with("elapsed", start.elapsed().as_secs())
        .into()
}

/// The body, and the header that tells its kind.
fn body(call: &Call<'_>, args: &Args, headers: &mut Vec<(String, String)>) -> Result<Option<Vec<u8>>, Stop> {
    let wrong = |why: String| Stop::failed(format!("`body` can't be written as {}: {why}", args.body_format.word()));
    let mut kind = "application/x-www-form-urlencoded".to_owned();
    let body = match (&args.src, &args.body) {
        (Some(_), Some(_)) => return Err(Stop::failed("`body` and `src` exclude each other; give one of them")),
        (Some(src), None) => Some(source(call, src, args.remote_src)?),
        (None, None) => None,
        (None, Some(value)) => Some(match (args.body_format, value) {
            (BodyFormat::Json, Value::String(text)) => {
                kind = "application/json".to_owned();
                text.clone().into_bytes()
            }
            (BodyFormat::Json, value) => {
                kind = "application/json".to_owned();
                uri_body::json(value).map_err(wrong)?
            }
            (BodyFormat::FormUrlencoded | BodyFormat::Raw, Value::String(text)) => text.clone().into_bytes(),
            (BodyFormat::FormUrlencoded, value) => uri_body::form(value).map_err(wrong)?.into_bytes(),
            (BodyFormat::FormMultipart, Value::Object(fields)) => {
                let boundary = format!("--------------------{:016x}", crate::host::live::random());
                let mut stopped = None;
                let mut file = |field: &str, path: &str| {
                    part_file(call, field, Path::new(path)).map_err(|stop| {
                        stopped = Some(stop);
                        String::new()
                    })
                };
                let made = uri_body::multipart(fields, &boundary, &mut file);
                if let Some(stop) = stopped {
                    return Err(stop);
                }
                let (multipart, body) = made.map_err(wrong)?;
                headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
                kind = multipart;
                body
            }
            (BodyFormat::FormMultipart, _) => return Err(wrong("it is no mapping".to_owned())),
            (BodyFormat::Raw, _) => {
                return Err(wrong("it is no text; `body_format: json` writes any value".to_owned()));
            }
        }),
    };
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".to_owned(), kind));
    }
    Ok(body)
}

/// The content of `src`.
fn source(call: &Call<'_>, src: &Path, remote: bool) -> Result<Vec<u8>, Stop> {
    match payload(call)? {
        Some(Payload::File { sha256, .. }) => Ok(blob(call, &sha256)?.to_vec()),
        Some(Payload::Tree { .. }) => Err(Stop::failed(format!("`src`: {} is a directory", src.display()))),
        None if remote => Ok(call.host.files.read(&absolute(call.host, src)?)?),
        None => Err(Stop::failed(format!(
            "{} is on the controller, which sent no content of it; with `remote_src: true` it is taken from the host",
            src.display()
        ))),
    }
}

/// The content of a file of a form.
fn part_file(call: &Call<'_>, field: &str, path: &Path) -> Result<Vec<u8>, Stop> {
    match call.args.get("_parts").and_then(|parts| parts.get(field)) {
        Some(value) => match serde_json::from_value(value.clone()) {
            Ok(Payload::File { sha256, .. }) => Ok(blob(call, &sha256)?.to_vec()),
            _ => Err(Stop::failed(format!("the controller sent a payload for the field {field} that is none"))),
        },
        None => Ok(call.host.files.read(&absolute(call.host, path)?)?),
    }
}

/// The return values that tell of an answer.
fn told(args: &Args, answer: &Response, start: Instant) -> Map<String, Value> {
    let mut result = Map::new();
    for (name, _) in &answer.headers {
        if let Some(value) = answer.header(name) {
            result.insert(name.to_ascii_lowercase().replace('-', "_"), value.into());
        }
    }
    if let Some(place) = answer.header("location") {
        let place = answer.url.join(&place).map_or(place, |url| url.to_string());
        result.insert("location".to_owned(), place.into());
    }
    let error = !(200..300).contains(&answer.status);
    let length = answer.header("content-length").unwrap_or_else(|| "unknown".to_owned());
    let msg = match (error, answer.too_many_redirects) {
        (false, _) => format!("OK ({length} bytes)"),
        (true, false) => format!("HTTP Error {}: {}", answer.status, answer.reason),
        (true, true) => format!("HTTP Error {}: the redirects lead in circles, here for the last time", answer.status),
    };
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    // A large file that only goes to `dest` is not made text too.
    let content = || text(&answer.body, &kind);
    let (media, _) = kind.split_once(';').unwrap_or((&kind, ""));
    let subtype = media.split_once('/').map_or("", |(_, subtype)| subtype);
    if subtype.split('+').any(|part| ["json", "javascript"].contains(&part.trim()))
        && let Ok(value) = serde_json::from_str::<Value>(&content())
    {
        result.insert("json".to_owned(), value);
    }
    if error && !args.return_content {
        result.insert("body".to_owned(), content().into());
    } else if args.return_content {
        result.insert("content".to_owned(), content().into());
    }
    let mut cookies = Map::new();
    for cookie in &answer.cookies {
        cookies.insert(cookie.name.clone(), cookie.value.clone().into());
    }
    let pairs: Vec<String> = answer.cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    for (name, value) in [
        ("cookies", Value::Object(cookies)),
        ("cookies_string", pairs.join("; ").into()),
        ("status", answer.status.into()),
        ("msg", msg.into()),
        ("url", shown(&args.url, answer).into()),
        ("redirected", (args.url != shown(&args.url, answer)).into()),
        ("elapsed", start.elapsed().as_secs().into()),
    ] {
        result.insert(name.to_owned(), value);
    }
    result
}

/// The URL that was asked at last; as the task writes it, where that is the same.
fn shown(url: &str, answer: &Response) -> String {
    match Url::parse(url) {
        Ok(asked) if asked.user.is_none() && asked == answer.url => url.to_owned(),
        _ => answer.url.to_string(),
    }
}

/// The text of a content in the encoding that the server tells.
fn text(content: &[u8], kind: &str) -> String {
    let charset = kind.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="));
    let named = charset.and_then(|name| Encoding::named(name.trim().trim_matches('"')).ok());
    match named {
        None | Some(Encoding::Utf8) => String::from_utf8_lossy(content).into_owned(),
        Some(encoding) => encoding.decode(content).unwrap_or_else(|_| String::from_utf8_lossy(content).into_owned()),
    }
}

/// The name of a file in a `dest` that is a directory.
fn name_of(answer: &Response) -> String {
    answer
        .header("content-disposition")
        .and_then(|header| disposition_name(&header))
        .unwrap_or_else(|| answer.url.file_name())
}

fn write(call: &Call<'_>, args: &Args, dest: &Path, answer: &Response, outcome: &mut Outcome) -> Result<(), Stop> {
    let host = call.host;
    let wanted = args.file.wanted(host)?;
    let parent = dest.parent().unwrap_or(Path::new("/"));
    if !host.files.stat(parent, true)?.is_some_and(|stat| stat.kind == Kind::Directory) {
        let msg = format!("Destination directory {} does not exist", parent.display());
        let result = std::mem::take(&mut outcome.result);
        return Err(Stop::Failed(Failure { msg, result, ..Failure::default() }));
    }
    // What has not changed was not sent again.
    if answer.status != 304 {
        let before = match host.files.stat(dest, true)? {
            Some(_) => Some(host.files.read(dest)?),
            None => None,
        };
        let after: &[u8] = &answer.body;
        let done =
            Content { path: dest, before: before.as_deref(), after, wanted: &wanted, backup: false, validate: None }
                .put(host)?;
        outcome.changed = done.written || done.attributes.any();
        if done.written && call.diff {
            outcome.diff.push(content_diff(&dest.to_string_lossy(), &args.url, before.as_deref(), Some(after)));
        }
        outcome.diff.extend(done.attributes.diff_of(dest));
    }
    describe(host, dest, &mut outcome.result)?;
    Ok(())
}

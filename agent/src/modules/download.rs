//! What a module needs from a URL beside its own work: a package, an archive, a key.

use super::url_args::failed;
use crate::host::Host;
use crate::http::{Client, Request, Settings, Spool, Url};
use crate::outcome::Stop;
use std::path::PathBuf;

/// Fetches what is at a URL, `file://` included. The inner error says why it could not be had.
pub(super) fn download(host: &Host<'_>, url: &str, validate_certs: bool) -> Result<Result<Spool, String>, Stop> {
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(why) => return Ok(Err(why)),
    };
    if parsed.scheme == "file" {
        let path = PathBuf::from(crate::http::decode(&parsed.target));
        return Ok(Ok(Spool::Memory(host.files.read(&path)?)));
    }
    let settings = Settings { validate_certs, spool: host.files.temporary_dir(), ..Settings::default() };
    let answer = failed(Client::new(host, &settings).fetch(Request::get(parsed)))?;
    Ok(answer.and_then(|answer| match answer.status {
        200 => Ok(answer.body),
        status => Err(format!("HTTP Error {status}: {}", answer.reason)),
    }))
}

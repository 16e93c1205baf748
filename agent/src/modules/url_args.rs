//! What the modules that fetch something from a URL have in common.

use super::host_path::absolute;
use crate::args;
use crate::args::Arg;
use crate::host::{Civil, Host, HostResult, Moment};
use crate::http::{Follow, Settings};
use crate::outcome::Stop;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

args! {
    /// The arguments of all modules that fetch something from a URL.
    pub struct UrlArgs {
        /// The client's certificate in PEM form, with its chain; the key may be in the same file.
        client_cert: Option<PathBuf>,
        /// The key of `client_cert` in PEM form, without a passphrase.
        client_key: Option<PathBuf>,
        /// The ciphers of TLS 1.2 to allow, in the terms of OpenSSL's cipher lists. Those that this program does not
        /// have (it has ECDHE with AES-GCM and CHACHA20-POLY1305) are passed over; it is an error if none is left.
        ciphers: Option<Vec<String>>,
        /// Decompress what comes compressed by gzip.
        decompress: bool = true,
        /// Ask that no copy out of a cache is sent, and fetch also where the file has not changed.
        force: bool = false,
        /// Send user name and password at once, not only when the server asks for them.
        force_basic_auth: bool = false,
        /// What the client calls itself.
        http_agent: String = "ansible-httpget".to_owned(),
        /// Headers that are not sent to where a redirect leads.
        unredirected_headers: Option<Vec<String>>,
        /// Log in by Kerberos: this is not possible here, and an error.
        use_gssapi: bool = false,
        /// Take user name and password from `~/.netrc` where the task gives none.
        use_netrc: bool = true,
        /// Use the proxies that `http_proxy`, `https_proxy` and `no_proxy` name in the environment.
        use_proxy: bool = true,
        /// Check the certificate of the server.
        validate_certs: bool = true,
    }
}

impl UrlArgs {
    /// How requests are made by these arguments.
    pub fn settings(&self, host: &Host<'_>, timeout: u64, user: Option<(String, String)>) -> Result<Settings, Stop> {
        if self.use_gssapi {
            return Err(Stop::failed(
                "`use_gssapi`: the agent can't log in by Kerberos; use a token in `headers`, or fetch it by `command: curl \
                 --negotiate`",
            ));
        }
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| absolute(host, path)).transpose();
        Ok(Settings {
            timeout: Duration::from_secs(timeout),
            validate_certs: self.validate_certs,
            client_cert: path(&self.client_cert)?,
            client_key: path(&self.client_key)?,
            ciphers: self.ciphers.clone().unwrap_or_default(),
            use_proxy: self.use_proxy,
            user,
            force_basic_auth: self.force_basic_auth,
            use_netrc: self.use_netrc,
            follow: Follow::Urllib2,
            decompress: self.decompress,
            unredirected_headers: self.unredirected_headers.clone().unwrap_or_default(),
            spool: host.files.temporary_dir(),
            ..Settings::default()
        })
    }

    /// The headers of a request: those of the task, and the ones that these arguments stand for. `since` is the age of
    /// what is there already.
    pub fn headers(&self, given: &Map<String, Value>, since: Option<Moment>) -> Result<Vec<(String, String)>, Stop> {
        let mut headers = vec![("User-Agent".to_owned(), self.http_agent.clone())];
        if self.force {
            headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        } else if let Some(since) = since {
            headers.push(("If-Modified-Since".to_owned(), http_date(since)));
        }
        for (name, value) in given {
            let value = String::parse(value).map_err(|why| Stop::failed(format!("`headers`: {name}: {why}")))?;
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value));
        }
        Ok(headers)
    }
}

/// User name and password, where the task gives a name.
pub fn user(name: Option<String>, password: Option<String>) -> Option<(String, String)> {
    name.map(|name| (name, password.unwrap_or_default()))
}

/// `Wed, 01 Jan 2020 00:00:00 GMT` (RFC 9110, 5.6.7).
fn http_date(at: Moment) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = Civil::of(at.seconds);
    // Months count from 1.
    let month = MONTHS[at.month as usize - 1];
    let Civil { year, day, hour, minute, second, .. } = at;
    format!("{}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT", DAYS[at.weekday()])
}

/// The file name that an answer gives in `Content-Disposition` (RFC 6266). A path in it is not taken: the server has no
/// say in which directory the file goes to.
pub fn disposition_name(header: &str) -> Option<String> {
    let mut name = None;
    for part in header.split(';').skip(1) {
        let Some((key, value)) = part.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "filename" if name.is_none() => name = Some(value.to_owned()),
            "filename*" => name = value.splitn(3, '\'').nth(2).map(crate::http::decode),
            _ => {}
        }
    }
    let name = name?.rsplit(['/', '\\']).next()?.to_owned();
    Some(name).filter(|name| !name.is_empty() && name != "." && name != "..")
}

/// What a request fails of: the message, where it is not the end of the task.
pub fn failed<T>(result: HostResult<T>) -> Result<Result<T, String>, Stop> {
    use crate::host::HostError;
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (HostError::Io { .. } | HostError::Other { .. })) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(http_date(Moment { seconds: 1_577_836_800, nanos: 7 }), "Wed, 01 Jan 2020 00:00:00 GMT");
    }

    #[test]
    fn names_that_servers_give() {
        for (header, name) in [
            ("attachment; filename=\"a b.txt\"", Some("a b.txt")),
            ("attachment; filename=x; filename*=UTF-8''%e2%82%ac.txt", Some("\u{20ac}.txt")),
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename=\"..\"", None),
            ("inline", None),
        ] {
            assert_eq!(disposition_name(header).as_deref(), name, "{header}");
        }
    }

    #[test]
    fn the_tasks_headers_win() {
        let args: UrlArgs = crate::args::parse(&Map::new()).unwrap();
        let given = serde_json::json!({"user-agent": "me", "X": 5, "B": true});
        let since = Some(Moment { seconds: 0, nanos: 0 });
        let headers = args.headers(given.as_object().unwrap(), since).unwrap();
        let expected =
            [("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"), ("user-agent", "me"), ("X", "5"), ("B", "True")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

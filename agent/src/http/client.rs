//! The client: proxies, passwords and redirects around single exchanges.

use super::cookies::{Cookie, header as cookie_header, take as take_cookies};
use super::credentials::{answer, basic, netrc};
use super::exchange::{Answer, Sent, exchange, tunnel};
use super::spool::{Spool, Spooler};
use super::tls::TlsSetup;
use super::wire::Wire;
use super::{Url, proxy};
use crate::choices;
use crate::gzip;
use crate::host::{Host, HostError, HostResult};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

choices! {
    /// Which redirects are followed.
    pub enum Follow {
        /// All; what is no 307 or 308 is asked for by GET then.
        All = "all",
        /// None.
        None = "none",
        /// Those of GET and HEAD.
        Safe = "safe",
        /// Those of GET and HEAD, and those of POST that are no 307 or 308.
        Urllib2 = "urllib2",
        /// The old word for `all`.
        Yes = "yes",
        /// The old word for `none`.
        No = "no",
    }
}

/// Redirects that are followed for one request, and how often one place may be asked.
const MOST_REDIRECTS: usize = 10;
const MOST_OF_ONE: usize = 4;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long each wait for the server may take.
    pub timeout: Duration,
    /// Check the server's certificate.
    pub validate_certs: bool,
    /// The CAs' certificates to check it against, instead of the host's own.
    pub ca_path: Option<PathBuf>,
    /// The certificate to show to the server.
    pub client_cert: Option<PathBuf>,
    /// Its key, where that file does not hold it.
    pub client_key: Option<PathBuf>,
    /// Ciphers in OpenSSL's terms; empty for all.
    pub ciphers: Vec<String>,
    /// A UNIX socket to connect to, instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// Use the proxies that the environment names.
    pub use_proxy: bool,
    /// User name and password.
    pub user: Option<(String, String)>,
    /// Send them without being asked.
    pub force_basic_auth: bool,
    /// Look for them in `.netrc` otherwise.
    pub use_netrc: bool,
    /// Which redirects are followed.
    pub follow: Follow,
    /// Decompress what comes compressed by gzip.
    pub decompress: bool,
    /// Headers that only the first server gets, in any case.
    pub unredirected_headers: Vec<String>,
    /// Where content is kept that is too large for memory.
    pub spool: PathBuf,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            timeout: Duration::from_secs(30),
            validate_certs: true,
            ca_path: None,
            client_cert: None,
            client_key: None,
            ciphers: Vec::new(),
            unix_socket: None,
            use_proxy: true,
            user: None,
            force_basic_auth: false,
            use_netrc: true,
            follow: Follow::Urllib2,
            decompress: true,
            unredirected_headers: Vec::new(),
            spool: std::env::temp_dir(),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in upper case.
    pub method: String,
    /// What is asked for.
    pub url: Url,
    /// Headers, besides those that the protocol demands.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// A GET without headers of its own.
    pub fn get(url: Url) -> Request {
        Request { method: "GET".to_owned(), url, headers: Vec::new(), body: None }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.unset(|given| given.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn unset(&mut self, is: impl Fn(&str) -> bool) {
        self.headers.retain(|(name, _)| !is(name));
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// What the server says of it: `Not Found`.
    pub reason: String,
    /// Where it came from, after redirects.
    pub url: Url,
    /// The headers, names in lower case, as they came. What is not UTF-8 is taken for ISO 8859-1.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Spool,
    /// The cookies that the servers on the way have set.
    pub cookies: Vec<Cookie>,
    /// Set where redirects went round in circles: the answer is the last redirect.
    pub too_many_redirects: bool,
}

impl Response {
    /// A header; several of one name are joined by commas.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// Makes requests on a host.
pub struct Client<'a> {
    host: &'a Host<'a>,
    settings: &'a Settings,
}

impl<'a> Client<'a> {
    /// A client with these settings.
    pub fn new(host: &'a Host<'a>, settings: &'a Settings) -> Client<'a> {
        Client { host, settings }
    }

    /// Makes a request, follows redirects, and reads the answer whole.
    pub fn fetch(&self, request: Request) -> HostResult<Response> {
        let mut request = request;
        let mut user = self.settings.user.clone().or_else(|| request.url.user.clone());
        if let Some((name, password)) = user.as_ref().filter(|_| self.settings.force_basic_auth) {
            request.set("Authorization", &basic(name, password));
        } else if user.is_none()
            && self.settings.use_netrc
            && !request.has("Authorization")
            && let Some((name, password)) = netrc(self.host, &request.url.host)?
        {
            request.set("Authorization", &basic(&name, &password));
        }
        let mut asked: Vec<String> = Vec::new();
        let mut answered = false;
        let mut cookies: Vec<Cookie> = Vec::new();
        let own_cookie = request.has("Cookie");
        loop {
            let mut got = self.once(&request)?;
            take_cookies(&mut cookies, &request.url, &values(&got, "set-cookie"));
            if got.status == 401
                && !answered
                && let Some((name, password)) = &user
            {
                let challenges: Vec<String> = values(&got, "www-authenticate");
                if let Some(value) = answer(&challenges, name, password, &request.method, &request.url) {
                    answered = true;
                    request.set("Authorization", &value);
                    continue;
                }
            }
            let mut too_many_redirects = false;
            if let Some(next) = self.redirected(&request, &got)? {
                let place = next.url.to_string();
                too_many_redirects = asked.len() >= MOST_REDIRECTS
                    || asked.iter().filter(|given| **given == place).count() >= MOST_OF_ONE;
                if !too_many_redirects {
                    asked.push(place);
                    if !request.url.shares_secrets_with(&next.url) {
                        user = None;
                    }
                    // A digest is for one place; whoever wants one for the next says so.
                    answered = false;
                    request = next;
                    if let Some(value) = cookie_header(&cookies, &request.url).filter(|_| !own_cookie) {
                        request.set("Cookie", &value);
                    }
                    continue;
                }
            }
            let body = self.read(&mut got)?;
            let headers = got
                .headers
                .into_iter()
                .map(|(name, value)| {
                    let text = String::from_utf8(value)
                        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
                    (name, text)
                })
                .collect();
            let (status, reason) = (got.status, got.reason);
            return Ok(Response { status, reason, url: request.url, headers, body, cookies, too_many_redirects });
        }
    }

    fn read(&self, got: &mut Answer<'_>) -> HostResult<Spool> {
        let packed = self.settings.decompress && values(got, "content-encoding").iter().any(|value| value == "gzip");
        let mut spooler = Spooler::new(self.settings.spool.clone());
        let copied = match packed {
            // Nothing at all is what a HEAD is answered with.
            true => gzip::unpack(&mut got.body, &mut spooler),
            false => io::copy(&mut got.body, &mut spooler).map(drop),
        };
        if let Err(error) = copied {
            return Err(got
                .body
                .failure()
                .unwrap_or_else(|| HostError::other(format!("the answer can't be read or kept: {error}"))));
        }
        spooler.finish().map_err(|error| HostError::other(format!("the answer can't be kept: {error}")))
    }

    /// The request that a redirect leads to, where it is to be followed.
    fn redirected(&self, request: &Request, got: &Answer<'_>) -> HostResult<Option<Request>> {
        let (method, code) = (request.method.as_str(), got.status);
        let reads = method == "GET" || method == "HEAD";
        let follows = matches!(code, 301 | 302 | 303 | 307 | 308)
            && match self.settings.follow {
                Follow::All | Follow::Yes => true,
                Follow::None | Follow::No => false,
                Follow::Safe => reads,
                Follow::Urllib2 => reads || (method == "POST" && matches!(code, 301..=303)),
            };
        let Some(place) = values(got, "location").pop().filter(|_| follows) else { return Ok(None) };
        let wrong = |why: String| HostError::other(format!("{} leads nowhere: {why}", request.url));
        let url = request.url.join(&place).map_err(wrong)?;
        if url.scheme != "http" && url.scheme != "https" {
            return Err(wrong(format!("it redirects to {url}, and only http and https are followed")));
        }
        let mut next = Request { url, ..request.clone() };
        if matches!(code, 301..=303) && !reads {
            next.method = "GET".to_owned();
            next.body = None;
        }
        if next.body.is_none() {
            next.unset(|name| {
                ["content-length", "content-type", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str())
            });
        }
        next.unset(|name| self.settings.unredirected_headers.iter().any(|given| given.eq_ignore_ascii_case(name)));
        if !request.url.shares_secrets_with(&next.url) {
            // Whoever can redirect must not learn what is for this server alone.
            next.unset(|name| ["authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str()));
        }
        Ok(Some(next))
    }

    /// One exchange over a new connection.
    fn once(&self, request: &Request) -> HostResult<Answer<'a>> {
        let url = &request.url;
        let secure = match url.scheme.as_str() {
            "http" => false,
            "https" => true,
            other => return Err(HostError::other(format!("URLs of the kind {other}:// can't be fetched"))),
        };
        let timeout = self.settings.timeout;
        let net = self.host.net;
        let failed = |error: io::Error| HostError::other(format!("the connection can't be used: {error}"));
        let mut headers = request.headers.clone();
        // Each connection serves one request, and the body's length is known.
        headers.retain(|(name, _)| {
            !["connection", "transfer-encoding", "content-length"].contains(&name.to_ascii_lowercase().as_str())
        });
        let mut line_target = None;
        let proxy = match self.settings.use_proxy && self.settings.unix_socket.is_none() {
            true => proxy::for_url(url, &|name| self.host.processes.variable(name))?,
            false => None,
        };
        let mut wire = if let Some(path) = &self.settings.unix_socket {
            Wire::unix(net, net.connect_unix(path)?, timeout).map_err(failed)?
        } else if let Some(proxy) = &proxy {
            let stream = net.connect(&proxy.host, proxy.effective_port(), timeout)?;
            let mut wire = Wire::tcp(net, stream, timeout).map_err(failed)?;
            let authorization = proxy.user.as_ref().map(|(name, password)| basic(name, password));
            if secure {
                let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
                tunnel(&mut wire, &format!("{host}:{}", url.effective_port()), authorization.as_deref())?;
            } else {
                headers.extend(authorization.map(|value| ("Proxy-Authorization".to_owned(), value)));
                line_target = Some(format!("http://{}{}", url.authority(), url.target));
            }
            wire
        } else {
            Wire::tcp(net, net.connect(&url.host, url.effective_port(), timeout)?, timeout).map_err(failed)?
        };
        if secure {
            wire = wire.secure(&TlsSetup::new(self.host, self.settings, &url.host)?)?;
        }
        let has = |name: &str, headers: &[(String, String)]| headers.iter().any(|(h, _)| h.eq_ignore_ascii_case(name));
        if !has("host", &headers) {
            headers.insert(0, ("Host".to_owned(), url.authority()));
        }
        if !has("accept-encoding", &headers) {
            headers.push(("Accept-Encoding".to_owned(), "identity".to_owned()));
        }
        let length = request.body.as_ref().map_or(0, Vec::len);
        let expects_body = ["POST", "PUT", "PATCH"].contains(&request.method.as_str());
        if request.body.is_some() || expects_body {
            headers.push(("Content-Length".to_owned(), length.to_string()));
        }
        headers.push(("Connection".to_owned(), "close".to_owned()));
        let sent = Sent {
            method: &request.method,
            url: format!("{}://{}{}", url.scheme, url.authority(), url.target),
            line_target,
            headers,
            body: request.body.as_deref(),
        };
        exchange(wire, &sent)
    }
}

/// All values of a header.
fn values(got: &Answer<'_>, name: &str) -> Vec<String> {
    let of = got.headers.iter().filter(|(given, _)| given == name);
    of.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

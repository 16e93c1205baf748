//! URLs, as far as a client of HTTP needs them (RFC 3986).

use std::fmt;

/// A URL with its parts as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// In lower case: `http`, `https`.
    pub scheme: String,
    /// User name and password, percent-decoded.
    pub user: Option<(String, String)>,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port, where it is written.
    pub port: Option<u16>,
    /// Path and query: what the server is asked for. It begins with `/`.
    pub target: String,
    /// What stands after `#`, with it; empty where nothing does.
    pub fragment: String,
}

impl Url {
    /// Takes a URL apart. The error is a sentence about it.
    pub fn parse(text: &str) -> Result<Url, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            return Err(format!("{text:?} is no URL: it does not begin with a scheme such as http://"));
        };
        if let Some(odd) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("the URL {text:?} contains {odd:?}; percent-encode it"));
        }
        let (rest, fragment) = match rest.find('#') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                (Some((decode(name), decode(password))), place)
            }
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => (address, rest.strip_prefix(':')),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port.filter(|port| !port.is_empty()) {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| format!("the URL {text:?} has no port {port:?}"))?),
        };
        let scheme = scheme.to_ascii_lowercase();
        if host.is_empty() && scheme != "file" {
            return Err(format!("the URL {text:?} names no host"));
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Url { scheme, user, host: host.to_owned(), port, target: encode(&target), fragment: fragment.to_owned() })
    }

    /// Where a redirect leads from here.
    pub fn join(&self, place: &str) -> Result<Url, String> {
        let place = place.trim().replace(' ', "%20");
        if place.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && rest.starts_with("//")) {
            return Url::parse(&place);
        }
        if place.starts_with("//") {
            return Url::parse(&format!("{}:{place}", self.scheme));
        }
        let (place, fragment) = match place.find('#') {
            Some(at) => place.split_at(at),
            None => (place.as_str(), ""),
        };
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let target = if place.starts_with('/') {
            without_dots(place)
        } else if place.starts_with('?') {
            format!("{path}{place}")
        } else if place.is_empty() {
            if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
        } else {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            without_dots(&format!("{directory}/{place}"))
        };
        Ok(Url { target: encode(&target), fragment: fragment.to_owned(), ..self.clone() })
    }

    /// The port that is meant.
    pub fn effective_port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == "https" { 443 } else { 80 })
    }

    /// Host and, where it is not the scheme's own, port: as the header `Host` has it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Whether what is secret between this server and us (passwords, cookies) may go along to where it redirects: to
    /// itself, or from its plain port to its secure one.
    pub fn shares_secrets_with(&self, next: &Url) -> bool {
        let place = |url: &Url| (url.scheme.clone(), url.effective_port());
        let secured = place(self) == ("http".to_owned(), 80) && place(next) == ("https".to_owned(), 443);
        self.host.eq_ignore_ascii_case(&next.host) && (place(self) == place(next) || secured)
    }

    /// The last part of the path, percent-decoded; `index.html` where it is a directory.
    pub fn file_name(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        match decode(path.rsplit('/').next().unwrap_or_default()) {
            name if name.is_empty() || name == "." || name == ".." || name.contains('/') => "index.html".to_owned(),
            name => name,
        }
    }
}

impl fmt::Display for Url {
    /// Without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}{}", self.scheme, self.authority(), self.target, self.fragment)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Percent-encodes what is not ASCII; what is encoded already stays.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            0x21..=0x7e => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// Resolves `%41`.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Resolves `.` and `..` in a path.
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut done: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    done.pop();
                }
                if last {
                    done.push("");
                }
            }
            part => done.push(part),
        }
    }
    format!("/{}{query}", done.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let url = Url::parse("HTTP://me:p%40ss@[::1]:8080/a%20b?x=/@#frag").unwrap();
        assert_eq!(url.scheme, "http");
        assert_eq!(url.user, Some(("me".to_owned(), "p@ss".to_owned())));
        assert_eq!((url.host.as_str(), url.effective_port()), ("::1", 8080));
        assert_eq!(url.to_string(), "http://[::1]:8080/a%20b?x=/@#frag");
        let url = Url::parse("https://example.com?q").unwrap();
        assert_eq!((url.target.as_str(), url.effective_port(), url.authority().as_str()), ("/?q", 443, "example.com"));
        assert_eq!(Url::parse("http://h/\u{fc}").unwrap().target, "/%C3%BC");
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (text, why) in [
            ("foo", "scheme"),
            ("http://", "no host"),
            ("http://h:x/", "port"),
            ("http://h/a b", "percent"),
            ("http://h/a\r\nX: y", "percent"),
        ] {
            assert!(Url::parse(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        let base = Url::parse("http://u:p@a/b/c/d?q").unwrap();
        for (place, target) in [
            ("g", "/b/c/g"),
            ("./g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d?y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("..", "/b/"),
            ("../../../g", "/g"),
            ("", "/b/c/d?q"),
        ] {
            let joined = base.join(place).unwrap();
            assert_eq!((joined.target.as_str(), joined.host.as_str()), (target, "a"), "{place}");
        }
        assert_eq!(base.join("https://x/y").unwrap().to_string(), "https://x/y");
        assert_eq!(base.join("//x/y").unwrap().to_string(), "http://x/y");
    }

    #[test]
    fn secrets_go_to_the_same_server_only() {
        for (from, to, shared) in [
            ("http://a/x", "http://A/y", true),
            ("http://a/", "http://a:80/", true),
            ("http://a/", "https://a/", true),
            ("https://a/", "http://a/", false),
            ("http://a/", "http://b/", false),
            ("http://a/", "http://a:8080/", false),
            ("http://a:8080/", "https://a/", false),
        ] {
            let (from, to) = (Url::parse(from).unwrap(), Url::parse(to).unwrap());
            assert_eq!(from.shares_secrets_with(&to), shared, "{from} {to}");
        }
    }

    #[test]
    fn names_of_files() {
        for (url, name) in [
            ("http://h/a/b.txt?x=/y", "b.txt"),
            ("http://h/", "index.html"),
            ("http://h", "index.html"),
            ("http://h/a%20b", "a b"),
            ("http://h/..%2f..%2fetc%2fpasswd", "index.html"),
            ("http://h/%2e%2e", "index.html"),
        ] {
            assert_eq!(Url::parse(url).unwrap().file_name(), name, "{url}");
        }
    }
}

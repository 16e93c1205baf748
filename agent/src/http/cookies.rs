//! Cookies that a server sets on the way (RFC 6265): those of a login that redirects go along to where it leads.

use super::Url;
use crate::sorting;

/// A cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value, as the server wrote it.
    pub value: String,
    /// The host, or with `subdomains` the domain, that it is for.
    domain: String,
    subdomains: bool,
    path: String,
    secure: bool,
}

/// Takes what an answer sets; a cookie of the same name and place is replaced, or taken away where it has expired.
pub(super) fn take(cookies: &mut Vec<Cookie>, url: &Url, set: &[String]) {
    for line in set {
        let mut parts = line.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
        let path = url.target.split('?').next().unwrap_or_default();
        let directory = match path.rsplit_once('/') {
            Some((directory, _)) if !directory.is_empty() => directory,
            _ => "/",
        };
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            domain: url.host.to_ascii_lowercase(),
            subdomains: false,
            path: directory.to_owned(),
            secure: false,
        };
        let (mut expired, mut foreign) = (false, false);
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    foreign = !is_within(&cookie.domain, &domain);
                    cookie.domain = domain;
                    cookie.subdomains = true;
                }
                "secure" => cookie.secure = true,
                "max-age" => expired = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                _ => {}
            }
        }
        if foreign || cookie.name.is_empty() {
            continue;
        }
        cookies.retain(|old| (&old.name, &old.domain, &old.path) != (&cookie.name, &cookie.domain, &cookie.path));
        if !expired {
            cookies.push(cookie);
        }
    }
}

/// The header `Cookie` for a request; none where no cookie is for it.
pub(super) fn header(cookies: &[Cookie], url: &Url) -> Option<String> {
    let host = url.host.to_ascii_lowercase();
    let path = url.target.split('?').next().unwrap_or_default();
    let mut sent: Vec<&Cookie> = cookies
        .iter()
        .filter(|cookie| cookie.domain == host || (cookie.subdomains && is_within(&host, &cookie.domain)))
        .filter(|cookie| !cookie.secure || url.scheme == "https")
        .filter(|cookie| match path.strip_prefix(cookie.path.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || cookie.path.ends_with('/'),
            None => false,
        })
        .collect();
    // The longest path first.
    sorting::sort_by_key(&mut sent, |cookie| std::cmp::Reverse(cookie.path.len()));
    let pairs: Vec<String> = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(set: &[&str], to: &str) -> Option<String> {
        let mut cookies = Vec::new();
        let set: Vec<String> = set.iter().map(|&line| line.to_owned()).collect();
        take(&mut cookies, &Url::parse("http://www.example.com/a/login").unwrap(), &set);
        header(&cookies, &Url::parse(to).unwrap())
    }

    #[test]
    fn cookies_go_where_they_are_for() {
        let set = ["s=1", "t=\"x y\"; Path=/; HttpOnly", "u=3; Domain=.example.com; Path=/", "v=4; Secure; Path=/"];
        assert_eq!(after(&set, "http://www.example.com/a/b").as_deref(), Some("s=1; t=\"x y\"; u=3"));
        assert_eq!(after(&set, "http://www.example.com/ab").as_deref(), Some("t=\"x y\"; u=3"));
        assert_eq!(after(&set, "https://api.example.com/").as_deref(), Some("u=3"));
        assert_eq!(after(&set, "http://badexample.com/"), None);
    }

    #[test]
    fn foreign_and_expired_cookies_are_not_kept() {
        assert_eq!(after(&["a=1; Domain=other.com"], "http://other.com/"), None);
        assert_eq!(after(&["a=1; Path=/", "a=; Path=/; Max-Age=0"], "http://www.example.com/"), None);
        assert_eq!(after(&["a=1; Path=/", "a=2; Path=/"], "http://www.example.com/").as_deref(), Some("a=2"));
        assert_eq!(after(&["nonsense", "=x"], "http://www.example.com/a/"), None);
    }
}

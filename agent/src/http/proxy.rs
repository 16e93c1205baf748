//! Proxies, as the environment names them.

use super::Url;
use crate::host::{HostError, HostResult};

/// The proxy for a URL by `http_proxy`, `https_proxy` and `no_proxy` (in lower or upper case); none where it is to be
/// fetched directly.
pub(super) fn for_url(url: &Url, variable: &dyn Fn(&str) -> Option<String>) -> HostResult<Option<Url>> {
    let lookup = |name: &str| {
        let given = variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
        given.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let name = format!("{}_proxy", url.scheme);
    let Some(proxy) = lookup(&name) else { return Ok(None) };
    if lookup("no_proxy").is_some_and(|list| is_listed(url, &list)) {
        return Ok(None);
    }
    let proxy = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    let proxy = Url::parse(&proxy).map_err(|why| HostError::other(format!("the variable {name}: {why}")))?;
    if proxy.scheme != "http" {
        return Err(HostError::other(format!(
            "the variable {name} names a proxy that is spoken to by {}; only proxies at http:// can be used",
            proxy.scheme
        )));
    }
    Ok(Some(proxy))
}

/// Whether `no_proxy` names the host: `*`, a name with or without its port, or a domain that it is in.
fn is_listed(url: &Url, list: &str) -> bool {
    let host = url.host.to_ascii_lowercase();
    let with_port = format!("{host}:{}", url.effective_port());
    list.split(',').map(|entry| entry.trim().trim_start_matches('.').to_ascii_lowercase()).any(|entry| {
        let ends = |name: &str| name == entry || name.strip_suffix(&entry).is_some_and(|rest| rest.ends_with('.'));
        entry == "*" || (!entry.is_empty() && (ends(&host) || ends(&with_port)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str, environment: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned());
        for_url(&Url::parse(url).unwrap(), &variable).unwrap().map(|proxy| proxy.authority())
    }

    #[test]
    fn the_scheme_chooses_and_no_proxy_takes_out() {
        let environment =
            [("http_proxy", "http://p:3128"), ("HTTPS_PROXY", "q:1"), ("no_proxy", "x.org, .y.org,h:8080")];
        assert_eq!(proxy("http://a/", &environment).as_deref(), Some("p:3128"));
        assert_eq!(proxy("https://a/", &environment).as_deref(), Some("q:1"));
        for direct in ["http://x.org/", "http://www.X.org/", "http://z.y.org/", "http://y.org", "http://h:8080/"] {
            assert_eq!(proxy(direct, &environment), None, "{direct}");
        }
        for proxied in ["http://xx.org/", "http://h/", "http://org/"] {
            assert!(proxy(proxied, &environment).is_some(), "{proxied}");
        }
        assert_eq!(proxy("http://a/", &[("http_proxy", "p"), ("NO_PROXY", "*")]), None);
        assert_eq!(proxy("http://a/", &[("http_proxy", "")]), None);
    }

    #[test]
    fn proxies_of_other_kinds_are_refused_clearly() {
        let variable = |name: &str| (name == "http_proxy").then(|| "socks5://p:1080".to_owned());
        let refused = for_url(&Url::parse("http://a/").unwrap(), &variable).unwrap_err().to_string();
        assert!(refused.contains("http_proxy") && refused.contains("socks5"), "{refused}");
    }
}

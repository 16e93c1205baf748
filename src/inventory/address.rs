//! A host's name with a port: `web:2222`, `[2001:db8::1]:22`.

/// The name and, where one is written, the port. What is not of that form is a name as it stands.
pub(super) fn split_port(text: &str) -> (&str, Option<u16>) {
    if let Some((address, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]:"))
        && let Ok(port) = after.parse()
        && is_ipv6(address)
    {
        return (address, Some(port));
    }
    let Some((name, port)) = text.rsplit_once(':') else { return (text, None) };
    // A colon that stands in a range separates no port.
    let outside = name.chars().scan(0, |depth, c| {
        *depth += i32::from(c == '[') - i32::from(c == ']');
        Some((*depth, c))
    });
    let is_name = !name.is_empty() && outside.clone().all(|(depth, c)| depth > 0 || c != ':');
    let is_balanced = outside.last().is_none_or(|(depth, _)| depth == 0);
    match port.parse() {
        Ok(port) if is_name && is_balanced => (name, Some(port)),
        _ => (text, None),
    }
}

/// Whether a text is an IPv6 address, in which colons separate nothing.
pub(super) fn is_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_other_colons() {
        assert_eq!(split_port("web:2222"), ("web", Some(2222)));
        assert_eq!(split_port("web"), ("web", None));
        assert_eq!(split_port("[2001:db8::1]:22"), ("2001:db8::1", Some(22)));
        assert_eq!(split_port("2001:db8::22"), ("2001:db8::22", None));
        assert_eq!(split_port("::1"), ("::1", None));
        assert_eq!(split_port("q[1:2]:2200"), ("q[1:2]", Some(2200)));
        assert_eq!(split_port("q[1:2]"), ("q[1:2]", None));
        assert_eq!(split_port("web:http"), ("web:http", None));
    }
}

//! `$VARIABLE`, `~` and `~user` in arguments, as Ansible expands them on the managed host.

use crate::host::{Host, HostResult};

/// Expands variables (those that are not set stay as they are written) and a leading `~` or `~user`.
pub fn expand(host: &Host<'_>, text: &str) -> HostResult<String> {
    let text = variables(text, &|name| host.processes.variable(name));
    let Some(rest) = text.strip_prefix('~') else { return Ok(text) };
    let (user, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = if user.is_empty() {
        match host.processes.variable("HOME").filter(|home| !home.is_empty()) {
            Some(home) => Some(home),
            None => Some(host.accounts.whoami()?.home.to_string_lossy().into_owned()),
        }
    } else {
        host.accounts.user(user)?.map(|user| user.home.to_string_lossy().into_owned())
    };
    Ok(match home {
        Some(home) => format!("{}{below}", home.trim_end_matches('/')),
        None => text,
    })
}

/// Replaces `$NAME` and `${NAME}` where `value` knows the name.
fn variables(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, length) = match after.strip_prefix('{') {
            Some(braced) => braced.find('}').map_or(("", 0), |end| (&braced[..end], end + 2)),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match Some(name).filter(|name| !name.is_empty()).and_then(value) {
            Some(value) => out.push_str(&value),
            None => {
                out.push('$');
                out.push_str(&after[..length]);
            }
        }
        rest = &after[length..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;

    #[test]
    fn variables_that_are_set_are_replaced() {
        let value = |name: &str| (name == "A1").then(|| "x".to_owned());
        for (text, expanded) in [
            ("$A1/${A1}b", "x/xb"),
            ("$B ${B} ${A1", "$B ${B} ${A1"),
            ("100$", "100$"),
            ("$$A1", "$x"),
            ("${}$", "${}$"),
            ("a$A1", "ax"),
        ] {
            assert_eq!(variables(text, &value), expanded, "{text}");
        }
    }

    #[test]
    fn homes_are_found() {
        let environment = vec![("HOME".to_owned(), "/home/ann/".to_owned())];
        let live = Live::new(Context { environment, ..Context::default() });
        let expand = |text: &str| expand(&live.host(), text).unwrap();
        assert_eq!(expand("~/x"), "/home/ann/x");
        assert_eq!(expand("~"), "/home/ann");
        assert_eq!(expand("~root/x"), "/root/x");
        assert_eq!(expand("~no-such-user/x"), "~no-such-user/x");
        assert_eq!(expand("a~"), "a~");
    }
}

//! Inventories that are a list of hosts: `web1,web2,`.

use super::address::{is_ipv6, split_port};
use super::model::Roster;
use super::range::expand;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::loader::{Node, Source};
use crate::template::Binding;

/// Adds the hosts of a list. They are in no group.
pub(super) fn read(list: &str, roster: &mut Roster) -> Result<(), Diagnostics> {
    let span = Span::nowhere(&format!("the list of hosts `{list}`"));
    let wrong = |error: String| Diagnostics::from(Diagnostic::error(&span, error));
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (pattern, port) = split_port(item);
        let names = if is_ipv6(pattern) { vec![pattern.to_owned()] } else { expand(pattern).map_err(wrong)? };
        for name in names {
            let host = roster.add_host(&name).map_err(|error| wrong(error.to_string()))?;
            roster.put_host(Roster::UNGROUPED, host);
            if let Some(port) = port {
                let source = Source { span: span.clone(), node: Node::Int(i64::from(port)) };
                roster.set_host_var(host, "ansible_port", Binding::Source(source));
            }
        }
    }
    Ok(())
}

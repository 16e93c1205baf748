//! `hash_behaviour: merge`: mappings of the same name from several layers become one.

use crate::diagnostic::Span;
use crate::loader::{Entry, Node, Source};
use crate::template::Binding;
use serde_json::Value as Json;

/// What layers, from the top, say of a name: the topmost; where that is a mapping, with what mappings below it add.
pub fn merged(mut from_top: impl Iterator<Item = Binding>) -> Option<Binding> {
    let top = from_top.next()?;
    let Some(mut whole) = mapping(&top) else { return Some(top) };
    let mut alone = true;
    // What is no mapping hides all that is below it.
    for below in from_top.map_while(|binding| mapping(&binding)) {
        whole = combined(&below, &whole);
        alone = false;
    }
    Some(if alone { top } else { Binding::Source(whole) })
}

fn mapping(binding: &Binding) -> Option<Source> {
    match binding {
        Binding::Source(source) => source.as_map().map(|_| source.clone()),
        Binding::Value(value) => match serde_json::to_value(value) {
            Ok(json @ Json::Object(_)) => Some(source_of(&json)),
            _ => None,
        },
        Binding::Unknown(_) => None,
    }
}

/// The upper mapping over the lower one; mappings within them, too.
fn combined(lower: &Source, upper: &Source) -> Source {
    let (Some(below), Some(above)) = (lower.as_map(), upper.as_map()) else { return upper.clone() };
    let mut entries: Vec<Entry> = below.to_vec();
    for entry in above {
        match entries.iter_mut().find(|have| same_key(&have.key, &entry.key)) {
            Some(have) => have.value = combined(&have.value, &entry.value),
            None => entries.push(entry.clone()),
        }
    }
    Source { span: upper.span.clone(), node: Node::Map(entries.into()) }
}

fn same_key(one: &Source, other: &Source) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one == other,
        _ => one.node == other.node,
    }
}

/// Plain data as a source that is never templated.
fn source_of(json: &Json) -> Source {
    let span = Span::nowhere("a variable that the run set");
    let node = match json {
        Json::Null => Node::Null,
        Json::Bool(flag) => Node::Bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Node::Int(int),
            (None, Some(float)) => Node::Float(float),
            (None, None) => Node::Unsafe(number.to_string().into()),
        },
        Json::String(text) => Node::Unsafe(text.as_str().into()),
        Json::Array(items) => Node::Seq(items.iter().map(source_of).collect()),
        Json::Object(map) => {
            let key = |name: &str| Source { span: span.clone(), node: Node::Unsafe(name.into()) };
            Node::Map(map.iter().map(|(name, value)| Entry { key: key(name), value: source_of(value) }).collect())
        }
    };
    Source { span, node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Value;

    fn value(json: Json) -> Binding {
        Binding::Value(Value::from(minijinja::value::Serde(json)))
    }

    fn data(binding: Option<Binding>) -> String {
        match binding {
            Some(Binding::Source(source)) => format!("{:?}", source.as_map().map(<[Entry]>::len)),
            Some(Binding::Value(value)) => value.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn mappings_are_merged_down_to_the_first_that_is_none() {
        let a = || value(serde_json::json!({"a": 1}));
        let b = || value(serde_json::json!({"b": {"c": 2}}));
        let c = || value(serde_json::json!({"b": {"d": 2}, "e": 3}));
        assert_eq!(data(merged([a(), b(), c()].into_iter())), "Some(3)");
        assert_eq!(data(merged([a(), value(1.into()), c()].into_iter())), "{'a': 1}");
        assert_eq!(data(merged([value(1.into()), c()].into_iter())), "1");
        assert!(merged(std::iter::empty()).is_none());
    }
}

//! `--tags` and `--skip-tags`.

use super::keyword::Keyword;
use super::scope::Scope;
use crate::loader::{Node, Source};

/// Which tasks the user wants, by tag.
#[derive(Clone, Debug)]
pub struct TagFilter {
    /// `--tags`; empty stands for `all`.
    pub only: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

impl TagFilter {
    /// Whether a task with these tags runs. <https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_tags.html>
    pub fn wants(&self, tags: &[String]) -> bool {
        let has = |tag: &str| tags.iter().any(|have| have == tag);
        let asked = |list: &[String], tag: &str| list.iter().any(|have| have == tag);
        let any_of = |list: &[String]| list.iter().any(|tag| has(tag));
        let tagged = tags.iter().any(|tag| tag != "always" && tag != "never");

        let wanted = if self.only.is_empty() {
            !has("never")
        } else {
            has("always")
                || (asked(&self.only, "all") && !has("never"))
                || any_of(&self.only)
                || (asked(&self.only, "tagged") && tagged && !has("never"))
                || (asked(&self.only, "untagged") && tags.is_empty())
        };
        if !wanted || self.skip.is_empty() {
            return wanted;
        }
        let skipped = if asked(&self.skip, "all") {
            !has("always") || asked(&self.skip, "always")
        } else {
            any_of(&self.skip)
                || (asked(&self.skip, "tagged") && !tags.is_empty())
                || (asked(&self.skip, "untagged") && tags.is_empty())
        };
        !skipped
    }

    /// Whether every task without tags runs.
    pub fn is_default(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty()
    }
}

/// The tags of a task with those it inherits, as written: templates in them are the caller's.
pub fn tags_of(scope: &Scope) -> Vec<&Source> {
    scope.gathered(Keyword::Tags).into_iter().flat_map(super::one_or_more).collect()
}

/// Splits `a, b` and turns numbers into text.
pub fn tag_texts(source: &Source) -> Vec<String> {
    match &source.node {
        Node::Int(number) => vec![number.to_string()],
        Node::Bool(flag) => vec![if *flag { "True" } else { "False" }.to_owned()],
        _ => source
            .as_str()
            .unwrap_or_default()
            .split(',')
            .map(|tag| tag.trim().to_owned())
            .filter(|tag| !tag.is_empty())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::TagFilter;

    fn wants(only: &[&str], skip: &[&str], tags: &[&str]) -> bool {
        let own = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        TagFilter { only: own(only), skip: own(skip) }.wants(&own(tags))
    }

    #[test]
    fn always_and_never() {
        assert!(wants(&[], &[], &[]));
        assert!(wants(&["a"], &[], &["always"]));
        assert!(!wants(&[], &[], &["never"]));
        assert!(!wants(&["all"], &[], &["never", "a"]));
        assert!(wants(&["a"], &[], &["never", "a"]));
        assert!(wants(&["never"], &[], &["never"]));
        assert!(!wants(&["a"], &["always"], &["always"]));
    }

    #[test]
    fn special_words() {
        assert!(wants(&["tagged"], &[], &["a"]));
        assert!(!wants(&["tagged"], &[], &[]));
        assert!(wants(&["untagged"], &[], &[]));
        assert!(!wants(&["untagged"], &[], &["a"]));
        assert!(!wants(&[], &["a"], &["a", "b"]));
        assert!(!wants(&[], &["tagged"], &["a"]));
    }
}

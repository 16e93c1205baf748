//! What `update-alternatives --query` says.

use crate::sorting;
use std::fmt::Write as _;

/// A program that a name can stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Choice {
    pub(super) path: String,
    pub(super) priority: i64,
    /// Name, link and program of what follows the choice, sorted.
    pub(super) followers: Vec<(String, String, String)>,
}

/// All programs that a name can stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub(super) link: String,
    /// Whether the one of the highest priority is taken.
    pub(super) auto: bool,
    /// The one that is taken.
    pub(super) value: String,
    pub(super) choices: Vec<Choice>,
}

impl Group {
    pub(super) fn parse(text: &str) -> Group {
        let mut group = Group::default();
        let mut links: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix(' ') {
                let Some((name, path)) = rest.trim().split_once(' ') else { continue };
                match group.choices.last_mut() {
                    // Before the first program stand the links.
                    None => links.push((name.to_owned(), path.trim().to_owned())),
                    Some(choice) => {
                        let link = links.iter().find(|(there, _)| there == name).map(|(_, link)| link.clone());
                        choice.followers.push((name.to_owned(), link.unwrap_or_default(), path.trim().to_owned()));
                        sorting::sort_by(&mut choice.followers, Ord::cmp);
                    }
                }
                continue;
            }
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim().to_owned();
            match (key, group.choices.last_mut()) {
                ("Link", _) => group.link = value,
                ("Status", _) => group.auto = value == "auto",
                ("Value", _) => group.value = value,
                ("Alternative", _) => group.choices.push(Choice { path: value, ..Choice::default() }),
                ("Priority", Some(choice)) => choice.priority = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        group
    }

    /// Has this program, as it is here. A name's first program is taken.
    pub(super) fn put(&mut self, choice: Choice) {
        if self.choices.is_empty() {
            self.auto = true;
        }
        self.choices.retain(|there| there.path != choice.path);
        self.choices.push(choice);
        self.choose();
    }

    /// Takes the one of the highest priority, where that is the mode.
    pub(super) fn choose(&mut self) {
        if !self.auto {
            return;
        }
        let best = self.choices.iter().max_by_key(|choice| choice.priority);
        self.value = best.map(|choice| choice.path.clone()).unwrap_or_default();
    }

    /// The same text.
    pub(super) fn text(&self, name: &str) -> String {
        let mode = if self.auto { "auto" } else { "manual" };
        let mut text = format!("Name: {name}\nLink: {}\n", self.link);
        let mut links: Vec<(&str, &str)> = self
            .choices
            .iter()
            .flat_map(|choice| &choice.followers)
            .map(|(name, link, _)| (name.as_str(), link.as_str()))
            .collect();
        sorting::sort_by(&mut links, Ord::cmp);
        links.dedup();
        if !links.is_empty() {
            text.push_str("Slaves:\n");
            links.iter().for_each(|(name, link)| {
                let _ = writeln!(text, " {name} {link}");
            });
        }
        let _ = write!(text, "Status: {mode}\nValue: {}\n", self.value);
        for choice in &self.choices {
            let _ = write!(text, "\nAlternative: {}\nPriority: {}\n", choice.path, choice.priority);
            if !choice.followers.is_empty() {
                text.push_str("Slaves:\n");
                choice.followers.iter().for_each(|(name, _, path)| {
                    let _ = writeln!(text, " {name} {path}");
                });
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Name: editor\nLink: /usr/bin/editor\nSlaves:\n editor.1.gz /usr/share/man/man1/editor.1.gz\nStatus: auto\nValue: /bin/nano\n\nAlternative: /bin/nano\nPriority: 40\nSlaves:\n editor.1.gz /usr/share/man/man1/nano.1.gz\n\nAlternative: /usr/bin/vim.tiny\nPriority: 15\n";

    #[test]
    fn a_query_is_read_and_written_again() {
        let group = Group::parse(TEXT);
        assert_eq!((group.link.as_str(), group.auto, group.value.as_str()), ("/usr/bin/editor", true, "/bin/nano"));
        assert_eq!(group.choices[0].followers[0].1, "/usr/share/man/man1/editor.1.gz");
        assert_eq!(group.choices[1].priority, 15);
        assert_eq!(group.text("editor"), TEXT);
    }

    #[test]
    fn the_highest_priority_is_taken_in_automatic_mode() {
        let mut group = Group::parse(TEXT);
        group.put(Choice { path: "/usr/bin/vim".into(), priority: 60, followers: Vec::new() });
        assert_eq!(group.value, "/usr/bin/vim");
        group.choices.retain(|choice| choice.path != "/usr/bin/vim");
        group.choose();
        assert_eq!(group.value, "/bin/nano");
    }
}

//! `refit doc`: a module's declaration as text.

use refit_agent::args::{ArgSpec, Kind};
use refit_agent::modules::{Module, Rule};
use std::fmt::Write;

/// The modules, one a line, the name first.
pub fn list(modules: &[&Module]) -> String {
    let width = modules.iter().map(|module| module.name.len()).max().unwrap_or_default();
    modules.iter().fold(String::new(), |mut text, module| {
        let summary = module.summary.trim_end_matches('.');
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "{:width$}  {summary}", module.name);
        text
    })
}

/// Everything that a module's declaration says, wrapped to so many columns. `colour` says whether names stand out.
pub fn page(module: &Module, columns: usize, colour: bool) -> String {
    let bold = console::Style::new().bold().force_styling(colour);
    let mut text = String::new();
    let _ = writeln!(text, "{}  (ansible.builtin.{})", bold.apply_to(module.name), module.name);
    text.push_str(&wrapped(module.summary, columns, 2));
    if !module.aliases.is_empty() {
        let _ = writeln!(text, "  Also called {}.", module.aliases.join(", "));
    }
    if let Some(argument) = module.free_form {
        let words = format!("Takes its `{argument}` as plain words, too: `{}: WORDS`.", module.name);
        text.push_str(&wrapped(&words, columns, 2));
    }
    let args = (module.args)();
    if args.is_empty() {
        text.push_str("\nIt takes no arguments.\n");
        return text;
    }
    text.push_str("\nArguments (* required):\n");
    for arg in args {
        argument(&mut text, arg, columns, &bold);
    }
    if !module.rules.is_empty() {
        text.push_str("\nRules:\n");
        for rule in module.rules {
            text.push_str(&wrapped(&format!("- {}", rule_words(rule)), columns, 2));
        }
    }
    text
}

fn argument(text: &mut String, arg: &ArgSpec, columns: usize, bold: &console::Style) {
    let star = if arg.required { "*" } else { " " };
    let mut notes = vec![kind_words(&arg.kind)];
    if let Some(default) = arg.default() {
        notes.push(format!("default {default}"));
    }
    if !arg.aliases.is_empty() {
        notes.push(format!("also {}", arg.aliases.join(", ")));
    }
    if arg.secret {
        notes.push("never shown".to_owned());
    }
    let _ = writeln!(text, "{star} {}  ({})", bold.apply_to(arg.name), notes.join("; "));
    text.push_str(&wrapped(&arg.doc(), columns, 6));
}

fn kind_words(kind: &Kind) -> String {
    match kind {
        Kind::Str => "text".to_owned(),
        Kind::Int => "whole number".to_owned(),
        Kind::Float => "number".to_owned(),
        Kind::Bool => "yes or no".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Raw => "anything".to_owned(),
        Kind::Choice(words) => words.join(" | "),
        Kind::List(of) => format!("list of {}", kind_words(of)),
        Kind::Dict => "mapping".to_owned(),
    }
}

fn rule_words(rule: &Rule) -> String {
    match rule {
        Rule::MutuallyExclusive(names) => format!("at most one of {}", names.join(", ")),
        Rule::RequiredOneOf(names) => format!("at least one of {}", names.join(", ")),
        Rule::RequiredTogether(names) => format!("all of {} or none", names.join(", ")),
        Rule::RequiredIf(name, value, names) => format!("{name}={value} needs {}", names.join(", ")),
        Rule::RequiredBy(name, names) => format!("{name} needs {}", names.join(", ")),
    }
}

/// Paragraphs as lines of at most so many columns, indented.
fn wrapped(paragraphs: &str, columns: usize, indent: usize) -> String {
    let room = columns.saturating_sub(indent).max(20);
    let mut text = String::new();
    for paragraph in paragraphs.split("\n\n") {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && console::measure_text_width(&line) + 1 + console::measure_text_width(word) > room {
                let _ = writeln!(text, "{:indent$}{line}", "");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    }
    text
}

#[cfg(test)]
pub(super) mod example {
    use refit_agent::args::Args as _;
    use refit_agent::modules::{Module, Rule};

    refit_agent::choices! {
        /// How it is there.
        pub enum State {
            /// There.
            Present = "present",
            /// Not there.
            Absent = "absent"
        }
    }

    refit_agent::args! {
        /// The arguments.
        pub struct Args {
            /// Where it is. A path that is long enough that its explanation takes more than one line on the page that shows it.
            ///
            /// A second paragraph.
            [aliases = ["dest"]]
            path: String,
            /// How it is there.
            state: State = State::Present,
            /// A word that nobody else may know.
            [secret]
            password: Option<String>,
            /// Other names for it.
            names: Vec<String> = Vec::new(),
        }
    }

    pub const MODULE: Module = Module {
        name: "example",
        aliases: &["community.general.example"],
        summary: "Keeps an example on a host.",
        args: Args::specs,
        rules: &[Rule::RequiredIf("state", "present", &["password"]), Rule::MutuallyExclusive(&["path", "names"])],
        free_form: None,
        run: None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_all_that_the_declaration_says() {
        insta::assert_snapshot!(page(&example::MODULE, 80, false));
    }

    #[test]
    fn the_list_has_the_name_first() {
        assert_eq!(list(&[&example::MODULE]), "example  Keeps an example on a host\n");
    }
}

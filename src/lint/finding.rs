//! Something that is wrong, by which rule, and how it can be mended.

use crate::diagnostic::{Diagnostic, Span};

macro_rules! rules {
    ($( $(#[doc = $doc:literal])+ $Variant:ident $name:literal; )*) => {
        /// What findings are about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule { $( $(#[doc = $doc])+ $Variant ),* }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Rule] = &[$(Rule::$Variant),*];

            /// As reports name it.
            pub fn name(self) -> &'static str {
                match self { $( Rule::$Variant => $name ),* }
            }

            /// What it is about, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $( Rule::$Variant => concat!($($doc),+).trim_ascii() ),* }
            }
        }
    };
}

rules! {
    /// The file is no YAML that can be read.
    Yaml "yaml";
    /// A key stands twice in a mapping.
    DuplicateKey "duplicate-key";
    /// A playbook, a task or an argument that the runner would refuse.
    Playbook "playbook";
    /// An inventory that can't be read.
    Inventory "inventory";
    /// A template or expression that can't be read.
    TemplateSyntax "template-syntax";
    /// There is no such filter.
    UnknownFilter "unknown-filter";
    /// There is no such test.
    UnknownTest "unknown-test";
    /// There is no such lookup.
    UnknownLookup "unknown-lookup";
    /// Nothing below the path defines the variable.
    UndefinedVariable "undefined-variable";
    /// A handler is notified that there is not.
    MissingHandler "missing-handler";
    /// A file is named that there is not.
    MissingFile "missing-file";
    /// A tag that no `--tags` can reach, because the include before it lacks it.
    UnreachableTag "unreachable-tag";
    /// A condition in braces.
    ConditionBraces "condition-braces";
    /// A word or name that newer versions of the language do not have.
    Outdated "outdated";
    /// A mode that is written as a decimal number.
    DecimalMode "decimal-mode";
    /// A number with a leading zero, which YAML reads as octal.
    Octal "octal";
    /// A value with colons, which YAML reads as a number of base 60.
    BaseSixty "base-sixty";
    /// A number with a zero at its end, which YAML drops.
    TrailingZero "trailing-zero";
    /// A word that YAML reads as true or false where text is meant.
    BooleanWord "boolean-word";
}

/// A change of a file's text.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// What by.
    pub text: String,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is about.
    pub rule: Rule,
    /// What, where, and what to do about it.
    pub diagnostic: Diagnostic,
    /// The mend, where one does not change what the runner does.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Without a mend.
    pub fn new(rule: Rule, diagnostic: Diagnostic) -> Finding {
        Finding { rule, diagnostic, fix: None }
    }

    /// For the order: file, line, column, rule, message.
    pub(super) fn key(&self) -> (Option<(&std::path::Path, u32, u32)>, Rule, &str) {
        let place = self.diagnostic.span.as_ref().map(|span| (span.file.path.as_path(), span.line, span.column));
        (place, self.rule, &self.diagnostic.message)
    }
}

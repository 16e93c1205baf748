//! The `mode` of a file as playbooks write it.

use crate::args::{Arg, Kind};
use serde_json::Value;

/// Permission bits with set-uid, set-gid and sticky.
pub const BITS: u32 = 0o7777;

/// What a `mode` asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// `preserve`: the source's.
    Preserve,
    /// These bits.
    Bits(u32),
    /// `u=rwX,g-w,o=`: changes of the bits that are there, as written.
    Symbolic {
        /// As written, for messages and documentation.
        text: String,
        /// The changes, in order.
        changes: Vec<Change>,
    },
}

/// One operator with its permissions.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Of `ugo`, whom it concerns; empty where none was named: all of them, less the umask.
    users: String,
    /// `+`, `-` or `=`.
    operator: char,
    /// Of `rwxXst` and `ugo`.
    permissions: String,
}

/// The users of a mode: their letter, the shift of their three bits, and their special bit's letter and value.
const USERS: [(char, u32, u32); 3] = [('u', 6, 0o4000), ('g', 3, 0o2000), ('o', 0, 0o1000)];

impl Mode {
    /// The bits that a file with the bits `current` gets.
    ///
    /// `source` are the bits that `preserve` stands for.
    pub fn bits(&self, current: u32, directory: bool, umask: u32, source: Option<u32>) -> u32 {
        match self {
            Mode::Preserve => source.unwrap_or(current),
            Mode::Bits(bits) => *bits,
            Mode::Symbolic { changes, .. } => {
                changes.iter().fold(current, |bits, change| change.apply(bits, directory, umask))
            }
        }
    }
}

impl Change {
    fn apply(&self, bits: u32, directory: bool, umask: u32) -> u32 {
        let masked = if self.users.is_empty() { !umask } else { BITS };
        let mut new = bits;
        for (user, shift, special) in USERS {
            if !self.users.is_empty() && !self.users.contains(user) {
                continue;
            }
            let mut wanted = 0;
            for permission in self.permissions.chars() {
                let triple = |triple: u32| (triple & 7) << shift;
                wanted |= match permission {
                    'r' => triple(4) & masked,
                    'w' => triple(2) & masked,
                    'x' => triple(1) & masked,
                    'X' if directory || bits & 0o111 != 0 => triple(1) & masked,
                    // Set-uid and set-gid are of the user and the group; sticky is of the others.
                    's' if user != 'o' => special,
                    't' if user == 'o' => special,
                    'u' => triple(bits >> 6),
                    'g' => triple(bits >> 3),
                    'o' => triple(bits),
                    _ => 0,
                };
            }
            new = match self.operator {
                '+' => new | wanted,
                '-' => new & !wanted,
                _ => new & !(7 << shift | special) | wanted,
            };
        }
        new
    }
}

fn symbolic(text: &str) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    for clause in text.split(',') {
        let operators = clause.find(['+', '-', '=']).unwrap_or(clause.len());
        let (users, mut rest) = clause.split_at(operators);
        if !users.chars().all(|c| "ugoa".contains(c)) {
            return None;
        }
        let users = if users.contains('a') { "ugo".to_owned() } else { users.to_owned() };
        while let Some(operator) = rest.chars().next() {
            let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
            let permissions = rest[1..end].to_owned();
            if !permissions.chars().all(|c| "rwxXstugo".contains(c)) {
                return None;
            }
            changes.push(Change { users: users.clone(), operator, permissions });
            rest = &rest[end..];
        }
    }
    (!changes.is_empty()).then_some(changes)
}

impl Arg for Mode {
    const KIND: Kind = Kind::Raw;

    /// A number is the bits themselves: `mode: 0644` of a playbook arrives as 420.
    fn parse(value: &Value) -> Result<Mode, String> {
        match value {
            Value::Number(number) => match number.as_u64().and_then(|bits| u32::try_from(bits).ok()) {
                Some(bits) if bits <= 0o177_777 => Ok(Mode::Bits(bits & BITS)),
                _ => Err(format!("{number} is no file mode; write it as text in octal ('0644')")),
            },
            Value::String(text) if text == "preserve" => Ok(Mode::Preserve),
            Value::String(text) => {
                let digits = text.strip_prefix("0o").unwrap_or(text);
                // A leading file type, as in `100644`, is no permission: chmod ignores it too.
                if let Ok(bits) = u32::from_str_radix(digits, 8) {
                    return Ok(Mode::Bits(bits & BITS));
                }
                match symbolic(text) {
                    Some(changes) => Ok(Mode::Symbolic { text: text.clone(), changes }),
                    None => {
                        Err(format!("mode must be in octal or symbolic form: bad symbolic permission for mode: {text}"))
                    }
                }
            }
            other => Err(format!("mode must be in octal or symbolic form, not {other}")),
        }
    }

    fn show(&self) -> Value {
        match self {
            Mode::Preserve => "preserve".into(),
            Mode::Bits(bits) => octal(*bits).into(),
            Mode::Symbolic { text, .. } => text.clone().into(),
        }
    }
}

/// Bits as Ansible's results show them: `0644`, `01777`.
pub fn octal(bits: u32) -> String {
    format!("0{bits:03o}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(value: impl Into<Value>) -> Mode {
        Mode::parse(&value.into()).expect("a mode")
    }

    #[test]
    fn octal_forms() {
        assert_eq!(mode(0o644), Mode::Bits(0o644));
        assert_eq!(mode("0644"), Mode::Bits(0o644));
        assert_eq!(mode("644"), Mode::Bits(0o644));
        assert_eq!(mode("01777"), Mode::Bits(0o1777));
        assert_eq!(mode("0o755"), Mode::Bits(0o755));
        assert_eq!(mode("preserve"), Mode::Preserve);
        for wrong in ["u=q", "", "888", "rwx", "x+r"] {
            assert!(Mode::parse(&wrong.into()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn preserve_takes_the_source() {
        assert_eq!(mode("preserve").bits(0o644, false, 0o022, Some(0o751)), 0o751);
        assert_eq!(mode("preserve").bits(0o644, false, 0o022, None), 0o644);
    }
}

//! What a variable may be called.

/// Words of the language of templates: a variable of such a name could not be asked for.
const RESERVED: [&str; 13] =
    ["true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"];

/// Whether a variable may have this name: ASCII letters, digits and underscores, no digit first, and no word of the language.
pub fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
        && !RESERVED.contains(&text)
}

/// What is said of a name that a variable may not have.
pub fn not_a_name(text: &str) -> String {
    format!(
        "Invalid variable name '{text}': a name has letters, digits and `_`, no digit first, and is no word like `not`"
    )
}

//! What Jinja2 reads and minijinja's parser does not. A text is rewritten without moving a byte, so that places stay right:
//! white space of other alphabets inside of tags becomes spaces, and `for x in a, b` becomes `for x in(a, b)`.

/// The text as the parser can read it; nothing where there is nothing to rewrite.
pub fn rewritten(text: &str) -> Option<String> {
    let mut out = text.as_bytes().to_vec();
    let mut changed = false;
    let mut at = 0;
    while let Some(found) = next_tag(text, at) {
        changed |= spaces(text, found.start, found.end, &mut out);
        if found.is_block {
            changed |= bare_tuple(text, found.start, found.end, &mut out);
        }
        at = found.end;
    }
    // Only ASCII was written, over whole characters.
    if changed { String::from_utf8(out).ok() } else { None }
}

/// What stands between a tag's marks.
struct Tag {
    start: usize,
    end: usize,
    is_block: bool,
}

/// The next `{{ }}` or `{% %}`; comments are passed over.
fn next_tag(text: &str, mut from: usize) -> Option<Tag> {
    loop {
        let open = from + text.get(from..)?.find("{").filter(|at| text.len() > from + at + 1)?;
        let start = open + 2;
        let close = match text.as_bytes().get(open + 1)? {
            b'{' => "}}",
            b'%' => "%}",
            b'#' => {
                from = start + text.get(start..)?.find("#}")?;
                continue;
            }
            _ => {
                from = open + 1;
                continue;
            }
        };
        let mut quote = None;
        let mut chars = text.get(start..)?.char_indices();
        while let Some((at, char)) = chars.next() {
            match (quote, char) {
                (Some(_), '\\') => _ = chars.next(),
                (Some(open), char) if char == open => quote = None,
                (None, '\'' | '"') => quote = Some(char),
                (None, _) if text[start + at..].starts_with(close) => {
                    return Some(Tag { start, end: start + at, is_block: close == "%}" });
                }
                _ => {}
            }
        }
        return None;
    }
}

/// Bytes of a tag that are in no text literal: (place, character).
fn outside_quotes(text: &str, start: usize, end: usize) -> Vec<(usize, char)> {
    let mut quote = None;
    let mut outside = Vec::new();
    let mut chars = text[start..end].char_indices();
    while let Some((at, char)) = chars.next() {
        match (quote, char) {
            (Some(_), '\\') => _ = chars.next(),
            (Some(open), char) if char == open => quote = None,
            (None, '\'' | '"') => quote = Some(char),
            (None, char) => outside.push((start + at, char)),
            _ => {}
        }
    }
    outside
}

fn spaces(text: &str, start: usize, end: usize, out: &mut [u8]) -> bool {
    let mut changed = false;
    for (at, char) in outside_quotes(text, start, end) {
        if !char.is_ascii() && char.is_whitespace() {
            out[at..at + char.len_utf8()].fill(b' ');
            changed = true;
        }
    }
    changed
}

/// `for x in a, b`: parentheses in the place of white space.
fn bare_tuple(text: &str, start: usize, end: usize, out: &mut [u8]) -> bool {
    let tag = &text[start..end];
    if !tag.trim_start_matches(['-', '+']).trim_start().starts_with("for ") {
        return false;
    }
    let outside = outside_quotes(text, start, end);
    let mut depth = 0;
    let mut opens = None;
    let mut comma = false;
    for (at, char) in &outside {
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ' ' if depth == 0 && opens.is_none() && text[..*at].ends_with(" in") => opens = Some(*at),
            ',' if depth == 0 && opens.is_some() => comma = true,
            // A condition belongs to the loop, not to the tuple.
            ' ' if depth == 0 && (text[*at..].starts_with(" if ") || text[*at..].starts_with(" recursive")) => {
                return false;
            }
            _ => {}
        }
    }
    let content = tag.trim_end_matches(['-', '+']);
    let closes = start + content.len() - 1;
    match opens {
        Some(opens) if comma && content.ends_with(' ') && closes > opens => {
            out[opens] = b'(';
            out[closes] = b')';
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn nothing_moves() {
        for (text, expected) in [
            ("{%- for x in 'a, b', \"c\" -%}", "{%- for x in('a, b', \"c\")-%}"),
            ("{{\u{a0}x |\u{a0}d('\u{a0}') }}\u{a0}", "{{  x |  d('\u{a0}') }}\u{a0}"),
            ("{# \u{a0} #}{% for k, v in x.items() %}", ""),
            ("{% for x in f(a, b) %}{% for x in a, b if x %}", ""),
        ] {
            assert_eq!(rewritten(text).as_deref().unwrap_or_default(), expected);
        }
    }
}

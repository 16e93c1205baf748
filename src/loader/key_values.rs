//! Arguments written in one text: `path=/x state=touch`, or a command with options, `make all chdir=/src`.

use super::source::{Entry, Source};
use crate::diagnostic::{Diagnostic, Span};
use std::ops::Range;

/// The options that may stand among the words of a command; any other `a=b` belongs to the command.
const COMMAND_OPTIONS: [&str; 8] =
    ["chdir", "creates", "executable", "removes", "stdin", "stdin_add_newline", "strip_empty_ends", "warn"];

/// Takes a text of arguments apart: what stands free in it, and the `key=value` pairs. `span` is the text's place. With
/// `free_form` it is a command, in which only a command's own options (`chdir=`, `creates=`, ...) are pairs.
///
/// Spaces and line breaks separate; not where quoted, nor inside a template's braces. A value in quotes loses them, and
/// `\n`, `\t`, `\x41`, `\u00e9` and their like in a value stand for what they say. Free words keep both.
///
/// Fails where a quote or a template's brace is not closed.
pub fn key_values(text: &str, span: &Span, free_form: bool) -> Result<(Option<Source>, Vec<Entry>), Diagnostic> {
    let places = Places::new(text, span);
    let words = split(text, &places)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut free = String::new();
    let mut free_range: Option<Range<usize>> = None;
    let count = words.len();
    for (index, word) in words.into_iter().enumerate() {
        let is_last = index + 1 == count;
        if let Some(pair) = Pair::of(&text[word.range.clone()])
            && (!free_form || COMMAND_OPTIONS.contains(&pair.key))
        {
            let from = word.range.start;
            let key_place = places.place(from..from + pair.key.len());
            let value_place = places.place(from + pair.value_start..word.range.end);
            let entry = Entry {
                key: Source::text(&key_place, pair.key),
                value: Source::text(&value_place, unquoted(unescaped(pair.value).trim())),
            };
            match entries.iter_mut().find(|have| have.key.as_str() == Some(pair.key)) {
                Some(have) => *have = entry,
                None => entries.push(entry),
            }
            // The space that kept it from the word before goes with it, if nothing free follows.
            if is_last && free.ends_with(' ') {
                free.pop();
            }
            continue;
        }
        free_range = Some(free_range.map_or(word.range.start, |range| range.start)..word.range.end);
        free.push_str(&text[word.range].replace("\\=", "="));
        free.push_str(&word.after);
    }
    let free = free_range.map(|range| Source::text(&places.place(range), free));
    Ok((free, entries))
}

/// A word, and the white space behind it.
struct Word {
    range: Range<usize>,
    after: String,
}

fn split(text: &str, places: &Places<'_>) -> Result<Vec<Word>, Diagnostic> {
    let mut words: Vec<Word> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        // A backslash alone at the end of a line joins it with the next one.
        if rest.starts_with("\\\n") || rest == "\\" {
            at += rest.len().min(2);
            at += usize::from(text[at..].starts_with(' '));
            continue;
        }
        if rest.starts_with([' ', '\n']) {
            if let Some(word) = words.last_mut() {
                word.after.push_str(&rest[..1]);
            }
            at += 1;
            continue;
        }
        let end = at
            + word_length(rest).map_err(|open| {
                let opening = at + open;
                let what = if rest[open..].starts_with('{') { "template's brace" } else { "quote" };
                Diagnostic::error(&places.place(opening..opening + 1), format!("this {what} is never closed"))
                    .hint("inside arguments on one line a quote that is meant as such is written `\\'` or `\\\"`")
            })?;
        words.push(Word { range: at..end, after: String::new() });
        at = end;
    }
    Ok(words)
}

/// The bytes of the first word, or where it opens what it does not close.
fn word_length(text: &str) -> Result<usize, usize> {
    let mut quote: Option<(char, usize)> = None;
    // How it is opened and closed, where it began, and how often it was opened.
    let mut block: Option<(&str, &str, usize, usize)> = None;
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if at < skip_to {
            continue;
        }
        let rest = &text[at..];
        if let Some((open, close, began, depth)) = block {
            if rest.starts_with(close) {
                block = (depth > 1).then_some((open, close, began, depth - 1));
                skip_to = at + close.len();
            } else if rest.starts_with(open) {
                // A template in a text of a template.
                block = Some((open, close, began, depth + 1));
                skip_to = at + open.len();
            }
            continue;
        }
        let pair = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().find(|(open, _)| rest.starts_with(open));
        match (c, quote) {
            _ if pair.is_some() => {
                block = pair.map(|(open, close)| (open, close, at, 1));
                skip_to = at + 2;
            }
            ('\\', _) => {
                let escaped = rest[1..].chars().next();
                skip_to = at + 1 + escaped.filter(|c| *c != '\n').map_or(0, char::len_utf8);
            }
            (_, Some((open, _))) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some((c, at)),
            (' ' | '\n', None) => return Ok(at),
            _ => {}
        }
    }
    match block.map(|(_, _, at, _)| at).or(quote.map(|(_, at)| at)) {
        Some(open) => Err(open),
        None => Ok(text.len()),
    }
}

/// `key=value`.
struct Pair<'a> {
    key: &'a str,
    value: &'a str,
    value_start: usize,
}

impl<'a> Pair<'a> {
    /// `None` where there is no `=` that is neither escaped nor inside a template nor first.
    fn of(word: &'a str) -> Option<Pair<'a>> {
        let outside = |at: usize| {
            let opened = |open: &str, close: &str| word[..at].matches(open).count() > word[..at].matches(close).count();
            !opened("{{", "}}") && !opened("{%", "%}")
        };
        let free = |at: &usize| *at > 0 && !word[..*at].ends_with('\\') && outside(*at);
        let equals = word.match_indices('=').map(|(at, _)| at).find(free)?;
        Some(Pair { key: &word[..equals], value: &word[equals + 1..], value_start: equals + 1 })
    }
}

/// The text without the quotes around the whole of it.
fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

/// The text with its escapes, as Python's string literals have them, replaced by what they stand for.
pub fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (length, character) = match escape.chars().next() {
            Some('\\') => (1, Some('\\')),
            Some('\'') => (1, Some('\'')),
            Some('"') => (1, Some('"')),
            Some('a') => (1, Some('\u{7}')),
            Some('b') => (1, Some('\u{8}')),
            Some('f') => (1, Some('\u{c}')),
            Some('n') => (1, Some('\n')),
            Some('r') => (1, Some('\r')),
            Some('t') => (1, Some('\t')),
            Some('v') => (1, Some('\u{b}')),
            Some('x') => (3, code_point(escape, 1..3, 16)),
            Some('u') => (5, code_point(escape, 1..5, 16)),
            Some('U') => (9, code_point(escape, 1..9, 16)),
            Some('0'..='7') => {
                let digits = escape.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                (digits, code_point(escape, 0..digits, 8))
            }
            _ => (0, None),
        };
        match character {
            Some(character) => {
                out.push(character);
                rest = &escape[length..];
            }
            None => {
                out.push('\\');
                rest = escape;
            }
        }
    }
    out + rest
}

fn code_point(escape: &str, digits: Range<usize>, base: u32) -> Option<char> {
    let digits = escape.get(digits)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    u32::from_str_radix(digits, base).ok().and_then(char::from_u32)
}

/// Finds the places of a text's parts in the file.
struct Places<'a> {
    text: &'a str,
    span: &'a Span,
    /// What the file has at the span, quotes and indentation included.
    written: &'a str,
}

impl<'a> Places<'a> {
    fn new(text: &'a str, span: &'a Span) -> Places<'a> {
        let written = span.file.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        Places { text, span, written }
    }

    /// The place of these bytes of the text; the whole span where the file writes them in another way.
    fn place(&self, range: Range<usize>) -> Span {
        let found = match self.written.find(self.text) {
            Some(offset) => Some(offset + range.start),
            None => self.search(&range),
        };
        let Some(offset) = found else { return self.span.clone() };
        let before = &self.written[..offset];
        let mut span = self.span.clone();
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let newlines = before.matches('\n').count();
        let characters = before.rsplit('\n').next().unwrap_or_default().chars().count();
        span.start += narrow(offset);
        span.end = span.start + narrow(range.len());
        span.line += narrow(newlines);
        span.column = if newlines == 0 { span.column + narrow(characters) } else { narrow(characters + 1) };
        span
    }

    /// The file writes the text on other lines than the text has: the part is found by counting those like it.
    fn search(&self, range: &Range<usize>) -> Option<usize> {
        let part = &self.text[range.clone()];
        let nth = self.text[..range.start].matches(part).count();
        self.written.match_indices(part).nth(nth).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::load_text;
    use super::*;
    use std::path::Path;

    fn parse(text: &str, free_form: bool) -> (Option<String>, Vec<(String, String)>) {
        let (free, entries) = key_values(text, &Span::nowhere("here"), free_form).unwrap();
        let text = |source: &Source| source.as_str().unwrap().to_owned();
        (free.as_ref().map(text), entries.iter().map(|entry| (text(&entry.key), text(&entry.value))).collect())
    }

    /// (text, is it a command, what is free, the pairs), each as ansible-core 2.19 reads it.
    type Case = (&'static str, bool, Option<&'static str>, &'static [(&'static str, &'static str)]);

    const CASES: &[Case] = &[
        ("path=/x state=touch", false, None, &[("path", "/x"), ("state", "touch")]),
        ("foo bar creates=/x", true, Some("foo bar"), &[("creates", "/x")]),
        ("echo a=b chdir=/tmp", true, Some("echo a=b"), &[("chdir", "/tmp")]),
        ("a=\"b c\" d='e f'", false, None, &[("a", "b c"), ("d", "e f")]),
        (
            "msg=\"{{ a }} b\" x={{ y | default('a b') }}",
            false,
            None,
            &[("msg", "{{ a }} b"), ("x", "{{ y | default('a b') }}")],
        ),
        ("a={{ x }}{{ y }} b", false, Some("b"), &[("a", "{{ x }}{{ y }}")]),
        (
            "echo {{ a if b else 'c d' }} creates=\"/a b\"",
            true,
            Some("echo {{ a if b else 'c d' }}"),
            &[("creates", "/a b")],
        ),
        ("echo {{ \"{{ 1 }}\" }} x chdir=/", true, Some("echo {{ \"{{ 1 }}\" }} x"), &[("chdir", "/")]),
        ("a=b\\=c", false, None, &[("a", "b\\=c")]),
        ("a\\=b c=d", false, Some("a=b"), &[("c", "d")]),
        ("a=\"x\\ny\" b=x\\ny", false, None, &[("a", "x\ny"), ("b", "x\ny")]),
        ("echo 'it' \"s\" a", true, Some("echo 'it' \"s\" a"), &[]),
        ("echo a\nb c\n", true, Some("echo a\nb c\n"), &[]),
        ("echo a \\\n  b", true, Some("echo a  b"), &[]),
        ("a=b \\\nc=d", false, None, &[("a", "b"), ("c", "d")]),
        ("a= b=1", false, None, &[("a", ""), ("b", "1")]),
        ("=a b", false, Some("=a b"), &[]),
        ("a==b", false, None, &[("a", "=b")]),
        ("a=b=c", false, None, &[("a", "b=c")]),
        ("a=1\nb=2\n", false, None, &[("a", "1"), ("b", "2")]),
        ("echo    many   spaces", true, Some("echo    many   spaces"), &[]),
        ("cmd='ls -l' chdir=/x", true, Some("cmd='ls -l'"), &[("chdir", "/x")]),
        ("a=\"b\"c d=e", false, None, &[("a", "\"b\"c"), ("d", "e")]),
        ("a=\"it's\" b='say \"x\"'", false, None, &[("a", "it's"), ("b", "say \"x\"")]),
        ("x={# c d #} y", false, Some("y"), &[("x", "{# c d #}")]),
        ("a=\"\\\"q\\\"\" b", false, Some("b"), &[("a", "\"q\"")]),
        ("echo \\\"x y\\\" z", true, Some("echo \\\"x y\\\" z"), &[]),
        (
            "removes=/y rm -rf /y executable=/bin/bash stdin=x",
            true,
            Some("rm -rf /y"),
            &[("removes", "/y"), ("executable", "/bin/bash"), ("stdin", "x")],
        ),
        ("a=\\x41\\u00e9 b=c\\td", false, None, &[("a", "Aé"), ("b", "c\td")]),
        ("name=foo\tstate=present", false, None, &[("name", "foo\tstate=present")]),
        ("a=[1, 2] b={'x': 1}", false, Some("2] 1}"), &[("a", "[1,"), ("b", "{'x':")]),
        ("regexp='^x\\s+y' line=\"x\\ty\"", false, None, &[("regexp", "^x\\s+y"), ("line", "x\ty")]),
        ("a = b", false, Some("a = b"), &[]),
        ("k=\\\\n", false, None, &[("k", "\\n")]),
        ("é=ü b=\"ö ä\"", false, None, &[("é", "ü"), ("b", "ö ä")]),
        ("echo \\", true, Some("echo"), &[]),
        ("{{ foo }} a=b", false, Some("{{ foo }}"), &[("a", "b")]),
        ("echo a  \n\n  b  c=d creates=/z\n\n", true, Some("echo a  \n\n  b  c=d"), &[("creates", "/z")]),
        ("", false, None, &[]),
    ];

    #[test]
    fn texts_are_taken_apart_as_ansible_does() {
        for (text, free_form, free, pairs) in CASES {
            let (found_free, found_pairs) = parse(text, *free_form);
            let found: Vec<(&str, &str)> = found_pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found_free.as_deref().map(|text| text.trim_end_matches(' ')), *free, "{text:?}");
            assert_eq!(found, *pairs, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_closed_is_pointed_at() {
        let source = load_text(Path::new("t.yml"), "- shell: echo it's\n- file: >-\n    path=/x\n    a={{ b\n".into())
            .unwrap()
            .source;
        let items = source.as_seq().unwrap();
        let error = |source: &Source| key_values(source.as_str().unwrap(), &source.span, false).unwrap_err();
        let quote = error(items[0].get("shell").unwrap());
        assert_eq!(quote.to_string().lines().next(), Some("t.yml:1:17: this quote is never closed"));
        let brace = error(items[1].get("file").unwrap());
        assert_eq!(brace.to_string().lines().next(), Some("t.yml:4:7: this template's brace is never closed"));
    }

    #[test]
    fn every_pair_knows_its_place() {
        let text = "- file: 'path=/é state=x'\n- file: |\n    path=/x\n    state=absent\n- file: \"a=1\\\n   b=2\"\n";
        let source = load_text(Path::new("t.yml"), text.into()).unwrap().source;
        let places = |index: usize| -> Vec<(String, String)> {
            let value = source.as_seq().unwrap()[index].get("file").unwrap();
            let (_, entries) = key_values(value.as_str().unwrap(), &value.span, false).unwrap();
            entries.iter().map(|entry| (entry.key.span.place(), entry.value.span.place())).collect()
        };
        let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| (format!("t.yml:{key}"), format!("t.yml:{value}"))).collect()
        };
        assert_eq!(places(0), expected(&[("1:10", "1:15"), ("1:18", "1:24")]));
        assert_eq!(places(1), expected(&[("3:5", "3:10"), ("4:5", "4:11")]));
    }
}

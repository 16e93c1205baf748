//! Reading a file, or a text as if it were one.

use super::build::build;
use super::source::Source;
use super::syntax::span_at;
use crate::config::DuplicateKeys;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, Span};
use crate::vault::{self, Vault};
use serde::de::IgnoredAny;
use std::path::Path;
use std::sync::Arc;

/// A file's content.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it holds; [`Node::Null`](super::Node::Null) for an empty file.
    pub source: Source,
    /// What is dubious in it: keys that stand twice.
    pub warnings: Vec<Diagnostic>,
    /// Whether the whole file was encrypted: its texts are to be registered with
    /// [`Secrets`](crate::secrets::Secrets).
    pub encrypted: bool,
}

impl Loaded {
    /// The same where keys that stand twice are judged so (`duplicate_dict_key`).
    pub fn judged(mut self, duplicates: DuplicateKeys) -> Result<Loaded, Diagnostics> {
        match duplicates {
            DuplicateKeys::Warn => Ok(self),
            DuplicateKeys::Ignore => {
                self.warnings.clear();
                Ok(self)
            }
            DuplicateKeys::Error if self.warnings.is_empty() => Ok(self),
            DuplicateKeys::Error => {
                self.warnings.iter_mut().for_each(|twice| twice.severity = Severity::Error);
                Err(Diagnostics(self.warnings))
            }
        }
    }
}

/// Reads a file of YAML or JSON, which may be encrypted as a whole. Of an encrypted file only line and column are kept
/// in places, not the text, so that no message can show it.
pub fn load_file(path: &Path, vault: &Vault) -> Result<Loaded, Diagnostics> {
    let nowhere = Span::nowhere(&path.display().to_string());
    let bytes =
        std::fs::read(path).map_err(|error| Diagnostic::error(&nowhere, format!("can't read the file: {error}")))?;
    vault.read_files().add(path);
    if !vault::is_encrypted(&bytes) {
        return load_text(path, decode(path, bytes)?);
    }
    let opened = vault
        .decrypt(&String::from_utf8_lossy(&bytes))
        .map_err(|error| Diagnostic::error(&nowhere, error.to_string()))?;
    let text = std::str::from_utf8(&opened)
        .map_err(|_| Diagnostic::error(&nowhere, "what was decrypted is not UTF-8 text"))?;
    let file = Arc::new(SourceFile { path: path.to_owned(), text: String::new() });
    Ok(Loaded { encrypted: true, ..read(text, &file)? })
}

/// Reads a text as if it were this file's.
pub fn load_text(path: &Path, text: String) -> Result<Loaded, Diagnostics> {
    let file = Arc::new(SourceFile { path: path.to_owned(), text });
    Ok(read(&file.text, &file)?)
}

/// Reads a text whose places are in this file.
fn read(text: &str, file: &Arc<SourceFile>) -> Result<Loaded, Diagnostic> {
    if u32::try_from(text.len()).is_err() {
        let nowhere = Span::nowhere(&file.path.display().to_string());
        return Err(Diagnostic::error(&nowhere, "the file is larger than 4 GiB"));
    }
    let forbidden = |byte: &u8| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127);
    if let Some(at) = text.as_bytes().iter().position(forbidden) {
        let span = span_at(text, file, at, at + 1);
        let message = format!("a control character (U+{:04X}) in the file", text.as_bytes()[at]);
        return Err(Diagnostic::error(&span, message).hint(r#"write it as an escape in double quotes: "\x1b""#));
    }
    let mut warnings = Vec::new();
    let source = build(text, file, is_json(text), &mut warnings).map_err(|problem| match not_json(text) {
        Some(why) if !file.text.is_empty() => problem.hint(format!("read as JSON: {why}")),
        _ => problem,
    })?;
    Ok(Loaded { source, warnings, encrypted: false })
}

/// Whether it is read as JSON. Whatever is JSON is: there `1e3` is a number.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// What is wrong with a text that looks like JSON and is none.
fn not_json(text: &str) -> Option<String> {
    let looks_so = text.trim_start().starts_with(['{', '[']);
    serde_json::from_str::<IgnoredAny>(text).err().filter(|_| looks_so).map(|error| error.to_string())
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let file = Arc::new(SourceFile { path: path.to_owned(), text });
        Diagnostic::error(&span_at(&file.text, &file, valid, valid + 3), "the file is not UTF-8 text")
            .hint("convert it, say by `iconv -f latin1 -t utf-8`")
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Node, Style};
    use super::*;
    use crate::connection::Secret;
    use zeroize::Zeroizing;

    fn load(text: &str) -> Loaded {
        load_text(Path::new("t.yml"), text.to_owned()).unwrap()
    }

    fn error(text: &str) -> Diagnostic {
        load_text(Path::new("t.yml"), text.to_owned()).unwrap_err().0.remove(0)
    }

    fn place(source: &Source) -> (u32, u32, &str) {
        let span = &source.span;
        (span.line, span.column, &span.file.text[span.start as usize..span.end as usize])
    }

    #[test]
    fn every_node_knows_its_place() {
        let text = "\u{feff}é: é x\r\nb:\r\n- 1\r\n- c: |\r\n   p\r\n   q\r\n\r\n# end\r\nd: [a,\r\n  'b']\r\ne:\r\n";
        let source = load(text).source;
        assert_eq!(place(&source).0, 1);
        assert_eq!(place(&source.as_map().unwrap()[0].key), (1, 1, "é"));
        assert_eq!(place(source.get("é").unwrap()), (1, 4, "é x"));
        let list = source.get("b").unwrap();
        assert_eq!(place(&list.as_seq().unwrap()[0]), (3, 3, "1"));
        let block = list.as_seq().unwrap()[1].get("c").unwrap();
        assert_eq!((block.span.line, block.span.column), (5, 4));
        assert_eq!(block.as_str(), Some("p\nq\n"));
        assert_eq!(place(source.get("d").unwrap()), (9, 4, "[a,\r\n  'b']"));
        assert!(source.get("e").unwrap().is_null());
        assert_eq!(source.get("e").unwrap().span.line, 11);
    }

    #[test]
    fn merge_keys_fill_in_what_a_mapping_does_not_say_itself() {
        let source = load("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  b: 5\n  <<: [*x, *y]\n  d: 6\n").source;
        let z: Vec<(String, Node)> = source
            .get("z")
            .unwrap()
            .as_map()
            .unwrap()
            .iter()
            .map(|entry| (entry.key.as_str().unwrap().to_owned(), entry.value.node.clone()))
            .collect();
        let expected = [("b", 5), ("c", 4), ("a", 1), ("d", 6)];
        assert_eq!(z, expected.map(|(key, number)| (key.to_owned(), Node::Int(number))));
        assert!(load("x: &x {a: 1}\ny: {<<: *x, a: 2}").warnings.is_empty());
        assert_eq!(load("'<<': 1").source.get("<<").unwrap().node, Node::Int(1));
        assert_eq!(
            error("<<: 3").message,
            "the merge key `<<` takes a mapping or a list of mappings, not a whole number"
        );
    }

    #[test]
    fn of_equal_keys_the_last_one_counts_and_both_are_named() {
        let mut loaded = load("a: 1\nb: 2\na: 3\n");
        assert_eq!(loaded.source.get("a").unwrap().node, Node::Int(3));
        assert_eq!(loaded.source.as_map().unwrap().len(), 2);
        let warning = loaded.warnings.remove(0);
        assert_eq!(warning.span.unwrap().place(), "t.yml:3:1");
        assert_eq!(warning.related[0].0.place(), "t.yml:1:1");
    }

    #[test]
    fn an_anchor_is_not_copied_and_a_bomb_of_aliases_is_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        let error = error(&bomb);
        assert!(error.message.contains("stand for more than"), "{error}");
        assert_eq!(self::error("&a [*a]").message, "this alias stands inside the very thing that it repeats");
        let mut chain = String::from("a0: &a0 [x]\n");
        for level in 1..1000 {
            chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(self::error(&chain).message.contains("levels deep"));
    }

    #[test]
    fn tags_are_obeyed() {
        let source =
            load("a: !unsafe '{{ x }}'\nb: !unsafe [1, '{{ y }}', {k: z}]\nc: !!str 5\nd: !!int '0x10'\ne: ! 5\n")
                .source;
        assert_eq!(source.get("a").unwrap().node, Node::Unsafe("{{ x }}".into()));
        let list = source.get("b").unwrap().as_seq().unwrap();
        assert_eq!(list[0].node, Node::Int(1));
        assert_eq!(list[1].node, Node::Unsafe("{{ y }}".into()));
        assert_eq!(list[2].get("k").unwrap().node, Node::Unsafe("z".into()));
        assert_eq!(source.get("c").unwrap().node, Node::Text("5".into(), Style::Plain));
        assert_eq!(source.get("d").unwrap().node, Node::Int(16));
        assert_eq!(source.get("e").unwrap().node, Node::Int(5));
        assert_eq!(error("a: !foo 1").message, "unknown tag `!foo`");
        assert_eq!(error("a: !!python/object:os.system x").message, "unknown tag `!!python/object:os.system`");
        assert_eq!(error("a: !vault x").message, "what follows `!vault` is not encrypted text");
        let vault = load("p: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3031\n").source;
        let value = vault.get("p").unwrap();
        assert_eq!(value.node, Node::Vault("$ANSIBLE_VAULT;1.1;AES256\n3031\n".into()));
        assert_eq!(value.span.place(), "t.yml:1:4");
    }

    #[test]
    fn a_json_file_has_jsons_numbers_and_may_be_indented_by_tabs() {
        let source = load("{\n\t\"a\": 1e3,\n\t\"b\": [true, \"yes\", \"x\\/y\"]\n}\n").source;
        assert_eq!(source.get("a").unwrap().node, Node::Float(1000.0));
        assert_eq!(source.get("b").unwrap().as_seq().unwrap()[2].as_str(), Some("x/y"));
    }

    #[test]
    fn nothing_is_null_and_two_documents_are_refused() {
        assert!(load("").source.is_null());
        assert!(load("# only this\n").source.is_null());
        assert!(load("---\n").source.is_null());
        let error = error("---\na: 1\n---\nb: 2\n");
        assert_eq!(error.span.unwrap().place(), "t.yml:3:1");
    }

    #[test]
    fn a_message_says_what_to_write_instead() {
        let cases = [
            (
                "a: {{ x }}/y\n",
                "t.yml:1:4",
                "a value that begins with `{{` has to be quoted",
                "write it as \"{{ x }}/y\"",
            ),
            ("a: {{ x }}\n", "t.yml:1:4", "a value that begins with `{{` has to be quoted", "write it as \"{{ x }}\""),
            (
                "- a: {{ x }}\n",
                "t.yml:1:6",
                "a value that begins with `{{` has to be quoted",
                "write it as \"{{ x }}\"",
            ),
            (
                "a: {b: {{ x }}/y, c: d}\n",
                "t.yml:1:8",
                "a value that begins with `{{` has to be quoted",
                "write a quote before `{{` and one at the end of the value: \"{{ x }}\"",
            ),
            ("- {{ x }}\n", "t.yml:1:3", "a value that begins with `{{` has to be quoted", "write it as \"{{ x }}\""),
            (
                "- name: foo: bar\n",
                "t.yml:1:12",
                "a colon followed by a space inside a value that is not quoted",
                "quote the whole value: \"foo: bar\"",
            ),
            (
                "a: \"{{ x }}\" y\n",
                "t.yml:1:14",
                "something follows the closing quote of this value",
                "quote the whole value: '\"{{ x }}\" y'",
            ),
            (
                "a:\n\tb: 1\n",
                "t.yml:2:1",
                "a tab in the indentation; YAML takes spaces only",
                "replace the tab by spaces",
            ),
            ("a: @x\n", "t.yml:1:4", "a value can't begin with `@`", "quote it: \"@x\""),
            (
                "a: *.example.com\n",
                "t.yml:1:4",
                "no anchor `&.example.com` stands before this alias `*.example.com`",
                "if it is meant as text, write it in quotes: '*.example.com'",
            ),
            (
                "a: 1\n  b: 2\n",
                "t.yml:2:4",
                "no `key: value` can begin here",
                "items of one mapping or list start in the same column",
            ),
        ];
        for (text, place, message, hint) in cases {
            let error = error(text);
            assert_eq!((error.span.unwrap().place().as_str(), error.message.as_str()), (place, message), "{text}");
            assert_eq!(error.hints.first().map(String::as_str), Some(hint), "{text}");
        }
    }

    #[test]
    fn an_encrypted_file_is_opened_and_its_text_kept_out_of_places() {
        let mut vault = Vault::default();
        vault.add("default", Secret(Zeroizing::new("p".to_owned())));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.yml");
        std::fs::write(&path, vault.encrypt(b"a: hunter2\na: hunter3\n", None).unwrap()).unwrap();
        let loaded = load_file(&path, &vault).unwrap();
        assert!(loaded.encrypted);
        assert_eq!(loaded.source.get("a").unwrap().as_str(), Some("hunter3"));
        assert_eq!(loaded.source.get("a").unwrap().span.line, 2);
        assert_eq!(loaded.source.span.file.text, "");
        assert_eq!(loaded.warnings.len(), 1);
        for broken in ["a: @hunter2", "a: !!int hunter2", "a: {{ hunter2 }}", "a: hunter2: x", "{[hunter2]: 1}"] {
            std::fs::write(&path, vault.encrypt(broken.as_bytes(), None).unwrap()).unwrap();
            let error = load_file(&path, &vault).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = load_file(&path, &Vault::default()).unwrap_err();
        assert!(error.to_string().contains("no vault secret was given"), "{error}");
    }
}

//! Python's regular expressions, beside Python's own engine: patterns and texts made at random, the same matches.
//!
//! By hand for longer, and with others: `REFIT_PATTERNS=20000 REFIT_SEED=7 cargo test -p refit-agent --test python_regex`.
//! Of ten thousand patterns about ten still differ: unlimited repetitions of what is empty inside of a look-behind, `(?)`,
//! conditions inside of a look-behind, and what a group that is repeated after a lazy one remembers.
//!
//! Python is 3.11 to 3.13: before, possessive quantifiers and atomic groups are missing, and flags may stand in the midst of
//! a pattern, as they may here; since then `\B` matches in an empty text.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use refit_agent::modules::python_regex::{Flags, Regex, Subject};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Reads `[pattern, [text, ...]]` a line, and answers a line each: null where the pattern is wrong, else for each text the
/// spans of all groups of all matches.
const PYTHON: &str = r#"
import json, re, sys, warnings
warnings.simplefilter("ignore")
for line in sys.stdin:
    pattern, texts = json.loads(line)
    try:
        compiled = re.compile(pattern)
        groups = range(compiled.groups + 1)
        print(json.dumps([[[list(m.span(g)) for g in groups] for m in compiled.finditer(t)] for t in texts]))
    except (re.error, OverflowError, RecursionError):
        print("null")
"#;

/// Numbers that look random (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn text(&mut self) -> String {
        let length = self.below(8);
        (0..length).map(|_| self.one(&["a", "b", "A", "1", "_", " ", "\n", "-", "\u{e9}", ".", "ab"])).collect()
    }

    fn pattern(&mut self, depth: usize) -> String {
        let pieces = 1 + self.below(3);
        let mut pattern = String::new();
        for _ in 0..pieces {
            pattern += &self.atom(depth);
            if self.below(3) == 0 {
                pattern +=
                    self.one(&["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??", "{0,2}?", "*+", "?+"]);
            }
        }
        if self.below(5) == 0 && depth > 0 { format!("{pattern}|{}", self.pattern(depth - 1)) } else { pattern }
    }

    fn atom(&mut self, depth: usize) -> String {
        if depth > 0 && self.below(3) == 0 {
            let inside = self.pattern(depth - 1);
            let open = self.one(&[
                "(", "(", "(?:", "(?P<n>", "(?=", "(?!", "(?<=", "(?<!", "(?i:", "(?s:", "(?m:", "(?-i:", "(?>",
                "(?a:", "(?x:",
            ]);
            return format!("{open}{inside})");
        }
        let atoms = [
            "a",
            "b",
            "A",
            "1",
            "_",
            " ",
            "\\n",
            "-",
            "\u{e9}",
            "\\.",
            ".",
            "^",
            "$",
            "\\A",
            "\\Z",
            "\\b",
            "\\B",
            "\\d",
            "\\D",
            "\\w",
            "\\W",
            "\\s",
            "\\S",
            "[ab]",
            "[^a]",
            "[a-c1]",
            "[^\\w]",
            "[\\s-]",
            "[]a]",
            "[^]\\n]",
            "\\1",
            "\\2",
            "(?P=n)",
            "(?(1)a|b)",
            "(?#c)",
            "\\x61",
            "\\u0061",
            "\\141",
            "\\-",
            "ab",
        ];
        self.one(&atoms).to_owned()
    }

    /// What may be no pattern at all.
    fn junk(&mut self) -> String {
        let pieces = 1 + self.below(8);
        let parts = [
            "a", "(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "\\", "^", "$", ".", "-", "1", ",", ":", "=", "!",
            "<", ">", "P", "i", "(?", "(?P<", "\\g", "\\x", "\\u", "\\0", "[a-", "[^", "{1,", "{2,1}", "(?<", "\\N",
            "#", "&&", "--", "[[", "\\8",
        ];
        (0..pieces).map(|_| self.one(&parts)).collect()
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |value| value.parse().unwrap())
}

/// What Python answers.
fn python(cases: &[(String, Vec<String>)]) -> Vec<Value> {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = cases.iter().map(|(pattern, texts)| format!("{}\n", json!([pattern, texts]))).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same of the agent's engine.
fn own(pattern: &str, texts: &[String]) -> Result<Value, String> {
    let Ok(regex) = Regex::new(pattern, Subject::Text, Flags::default()) else { return Ok(Value::Null) };
    let mut all = Vec::new();
    for text in texts {
        let place = |bytes: usize| text[..bytes].chars().count();
        let mut matches = Vec::new();
        regex.each(text, |found| {
            let spans = (0..found.groups()).map(|group| match found.get(group) {
                Some(part) => json!([place(part.start()), place(part.end())]),
                None => json!([-1, -1]),
            });
            matches.push(Value::Array(spans.collect()));
        })?;
        all.push(Value::Array(matches));
    }
    Ok(Value::Array(all))
}

#[test]
fn random_patterns_match_as_in_python() {
    let mut random = Random(number("REFIT_SEED", 20_261_123).max(1));
    let cases: Vec<(String, Vec<String>)> = (0..number("REFIT_PATTERNS", 800))
        .map(|_| {
            let pattern = if random.below(3) == 0 { random.junk() } else { random.pattern(3) };
            (pattern, (0..3).map(|_| random.text()).collect())
        })
        .collect();
    let expected = python(&cases);
    assert_eq!(expected.len(), cases.len());
    let differing: Vec<String> = cases
        .iter()
        .zip(&expected)
        .filter_map(|((pattern, texts), expected)| {
            let own = own(pattern, texts);
            (own.as_ref() != Ok(expected))
                .then(|| format!("{pattern:?} on {texts:?}\n  python {expected}\n  own    {own:?}"))
        })
        .collect();
    let shown = differing.iter().take(30).cloned().collect::<Vec<_>>().join("\n");
    assert!(differing.is_empty(), "{} of {} patterns:\n{shown}", differing.len(), cases.len());
}

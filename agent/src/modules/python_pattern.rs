//! Patterns of Python's `re`, read: groups, alternatives, repetitions. What begins with `\` and the sets are read in
//! `python_escape`.

use super::byte_text;
use super::python_node::{MOST, Mode, Node, One, Place};
use super::python_regex::{Flags, RegexError, Subject};
use std::iter::Peekable;
use std::str::Chars;

/// How deep groups may be nested.
const DEEPEST: usize = 200;

/// A pattern that was read.
pub struct Pattern {
    /// The whole.
    pub node: Node,
    /// The names of the groups; that of the whole match (none) first.
    pub names: Vec<Option<String>>,
    /// Whether the whole of it is multi-line.
    pub multiline: bool,
}

/// Flags in force at a place of a pattern.
#[derive(Clone, Copy)]
pub(super) struct State {
    multiline: bool,
    dotall: bool,
    verbose: bool,
    /// Whether letters, digits and the like are those of ASCII.
    pub ascii: bool,
    /// Whether case is ignored.
    pub ignore_case: bool,
}

/// Reads a pattern from its start to its end.
pub(super) struct Parser<'p> {
    /// What is not read yet.
    pub rest: Peekable<Chars<'p>>,
    /// What the pattern is matched with.
    pub subject: Subject,
    /// The flags here.
    pub state: State,
    /// The names of the groups so far.
    names: Vec<Option<String>>,
    /// How many characters each group has, once it is closed: its least and its most.
    pub widths: Vec<Option<(usize, usize)>>,
    /// The last of the groups that conditions ask for: it may come after them, but must come.
    asked: usize,
    depth: usize,
}

/// Reads a pattern.
pub fn parse(pattern: &str, subject: Subject, flags: Flags) -> Result<Pattern, RegexError> {
    let state = State {
        multiline: flags.multiline,
        dotall: flags.dotall,
        verbose: false,
        ascii: subject == Subject::Bytes,
        ignore_case: false,
    };
    let rest = pattern.chars().peekable();
    let mut parser = Parser { rest, subject, state, names: vec![None], widths: vec![None], asked: 0, depth: 0 };
    let read = parser.alternatives().and_then(|node| match parser.rest.next() {
        None if parser.asked >= parser.names.len() => Err(format!("invalid group reference {}", parser.asked)),
        None => Ok(node),
        Some(_) => Err("unbalanced parenthesis".to_owned()),
    });
    let node = read.map_err(|error| format!("the regular expression {pattern:?} is wrong: {error}"))?;
    Ok(Pattern { node, names: parser.names, multiline: parser.state.multiline })
}

impl Parser<'_> {
    /// `a|b|c`, up to a closing parenthesis or the end.
    fn alternatives(&mut self) -> Result<Node, RegexError> {
        let mut all = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            all.push(self.sequence()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::Any(all) })
    }

    fn sequence(&mut self) -> Result<Node, RegexError> {
        let mut all: Vec<Node> = Vec::new();
        // Whether the last of `all` can be repeated.
        let mut repeatable = false;
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            if self.state.verbose && c.is_ascii_whitespace() {
                continue;
            }
            if self.state.verbose && c == '#' {
                while self.rest.next().is_some_and(|c| c != '\n') {}
                continue;
            }
            if let Some((min, max)) = self.repetition(c)? {
                let node = all.pop().filter(|_| repeatable).ok_or("nothing to repeat")?;
                if matches!(node, Node::Repeat { .. }) {
                    return Err("multiple repeat".to_owned());
                }
                let mode = match self.rest.next_if(|c| matches!(c, '?' | '+')) {
                    Some('?') => Mode::Lazy,
                    Some(_) => Mode::Possessive,
                    None => Mode::Greedy,
                };
                all.push(Node::Repeat { node: Box::new(node), min, max, mode });
                continue;
            }
            let node = match c {
                '\\' => self.escape()?,
                '[' => Node::One(One::Of(self.class()?)),
                '(' => match self.group()? {
                    Some(node) => node,
                    None => continue,
                },
                '.' => Node::One(if self.state.dotall { One::Any } else { One::NotNewline }),
                '^' => Node::At(if self.state.multiline { Place::LineStart } else { Place::Start }),
                '$' => Node::At(if self.state.multiline { Place::LineEnd } else { Place::End }),
                c => self.literal(c),
            };
            repeatable = !matches!(node, Node::At(_));
            all.push(node);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::All(all) })
    }

    /// A character that stands for itself.
    pub fn one(&self, c: char) -> Node {
        let cased = c.to_lowercase().ne(c.to_uppercase());
        Node::One(match self.state.ignore_case && cased {
            true => One::NoCase(super::python_class::folded(c, self.state.ascii), self.state.ascii),
            false => One::Char(c),
        })
    }

    /// A character of the pattern, which in a pattern over bytes may be several.
    pub fn literal(&self, c: char) -> Node {
        if c.is_ascii() || self.subject == Subject::Text {
            return self.one(c);
        }
        let bytes = byte_text::of_bytes(c.encode_utf8(&mut [0; 4]).as_bytes());
        // One unit, so that `é?` means the whole letter's bytes: Python would take the last byte only, which no author of
        // a pattern ever wants.
        Node::All(bytes.chars().map(|c| self.one(c)).collect())
    }

    /// Whether `c` begins a repetition, and which. A `{` that begins none is itself.
    fn repetition(&mut self, c: char) -> Result<Option<(u32, u32)>, RegexError> {
        match c {
            '*' => return Ok(Some((0, MOST))),
            '+' => return Ok(Some((1, MOST))),
            '?' => return Ok(Some((0, 1))),
            '{' => {}
            _ => return Ok(None),
        }
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().any(|c| c == '}');
        let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let (low, high) = match ahead.split_once(',') {
            Some((low, high)) => (low, high),
            None => (ahead.as_str(), ahead.as_str()),
        };
        if !closed || ahead.is_empty() || !is_number(low) || !is_number(high) {
            return Ok(None);
        }
        let number = |text: &str, none: u32| match text {
            "" => Ok(none),
            text => text.parse::<u32>().map_err(|_| "the repetition number is too large".to_owned()),
        };
        let (min, max) = (number(low, 0)?, number(high, MOST)?);
        if max < min {
            return Err("min repeat greater than max repeat".to_owned());
        }
        for _ in 0..=ahead.chars().count() {
            self.rest.next();
        }
        Ok(Some((min, max)))
    }

    /// After `(`. Flags and comments are no node.
    fn group(&mut self) -> Result<Option<Node>, RegexError> {
        if self.rest.next_if_eq(&'?').is_none() {
            return self.numbered_group(None).map(Some);
        }
        let c = self.rest.next().ok_or("unexpected end of pattern")?;
        Ok(Some(match c {
            '#' => {
                if !self.rest.any(|c| c == ')') {
                    return Err("missing ), unterminated comment".to_owned());
                }
                return Ok(None);
            }
            'P' => match self.rest.next() {
                Some('<') => {
                    let name = self.until('>')?;
                    let mut letters = name.chars();
                    let first = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
                    if !first || !letters.all(|c| c.is_alphanumeric() || c == '_') {
                        return Err(format!("bad character in group name {name:?}"));
                    }
                    if self.names.iter().flatten().any(|known| *known == name) {
                        return Err(format!("redefinition of group name {name:?}"));
                    }
                    self.numbered_group(Some(name))?
                }
                Some('=') => {
                    let name = self.until(')')?;
                    let group = self.names.iter().position(|known| known.as_deref() == Some(name.as_str()));
                    self.same(group.ok_or_else(|| format!("unknown group name {name:?}"))?, &name)?
                }
                other => return Err(format!("unknown extension ?P{}", other.map(String::from).unwrap_or_default())),
            },
            '(' => {
                let name = self.until(')')?;
                let group = match name.parse::<usize>() {
                    Ok(number) => Some(number).filter(|number| *number > 0),
                    Err(_) => self.names.iter().position(|known| known.as_deref() == Some(name.as_str())),
                };
                let group = group.ok_or_else(|| format!("unknown group {name:?}"))?;
                self.asked = self.asked.max(group);
                let mut branches = match self.enclosed()? {
                    Node::Any(branches) => branches,
                    one => vec![one],
                };
                if branches.len() > 2 {
                    return Err("conditional backref with more than two branches".to_owned());
                }
                let no = if branches.len() == 2 { branches.pop() } else { None };
                let yes = branches.pop().unwrap_or(Node::All(Vec::new()));
                Node::If { group, yes: Box::new(yes), no: Box::new(no.unwrap_or(Node::All(Vec::new()))) }
            }
            '<' => {
                let kind = self.rest.next().filter(|c| matches!(c, '=' | '!')).ok_or("unknown extension ?<")?;
                let node = self.enclosed()?;
                let behind = match node.width(&self.widths) {
                    Some((least, most)) if least == most => least,
                    _ => return Err("look-behind requires fixed-width pattern".to_owned()),
                };
                Node::Look { node: Box::new(node), not: kind == '!', behind: Some(behind) }
            }
            '=' | '!' => Node::Look { node: Box::new(self.enclosed()?), not: c == '!', behind: None },
            ':' => self.unit()?,
            '>' => Node::Atomic(Box::new(self.enclosed()?)),
            flag => return self.flags(flag),
        }))
    }

    /// What is in the parentheses, with flags of its own.
    fn enclosed(&mut self) -> Result<Node, RegexError> {
        let outer = self.state;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("groups are nested more than {DEEPEST} deep"));
        }
        let node = self.alternatives()?;
        if self.rest.next() != Some(')') {
            return Err("missing ), unterminated subpattern".to_owned());
        }
        self.depth -= 1;
        self.state = outer;
        Ok(node)
    }

    /// What is in the parentheses, as one unit that can be repeated and is no alternative of what it stands in.
    fn unit(&mut self) -> Result<Node, RegexError> {
        Ok(Node::All(vec![self.enclosed()?]))
    }

    fn numbered_group(&mut self, name: Option<String>) -> Result<Node, RegexError> {
        let number = self.names.len();
        self.names.push(name);
        self.widths.push(None);
        let node = self.enclosed()?;
        self.widths[number] = Some(node.width(&self.widths).unwrap_or((0, usize::MAX)));
        Ok(Node::Group(number, Box::new(node)))
    }

    /// `(?i)`, `(?m-s:...)`.
    fn flags(&mut self, first: char) -> Result<Option<Node>, RegexError> {
        let outer = self.state;
        let (mut on, mut next) = (true, Some(first));
        loop {
            match next {
                Some('-') if on => on = false,
                Some('i') => self.state.ignore_case = on,
                Some('m') => self.state.multiline = on,
                Some('s') => self.state.dotall = on,
                Some('x') => self.state.verbose = on,
                Some('a') => self.state.ascii = on,
                Some('u') if self.subject == Subject::Text => self.state.ascii = false,
                Some('L') if self.subject == Subject::Bytes => {}
                Some(')') if on => return Ok(None),
                Some(':') => {
                    let node = self.unit()?;
                    self.state = outer;
                    return Ok(Some(node));
                }
                Some(')') => return Err("missing :".to_owned()),
                Some(other) => return Err(format!("unknown flag {other:?}")),
                None => return Err("missing -, : or )".to_owned()),
            }
            next = self.rest.next();
        }
    }

    fn until(&mut self, end: char) -> Result<String, RegexError> {
        let mut name = String::new();
        for c in self.rest.by_ref() {
            if c == end {
                return Ok(name);
            }
            name.push(c);
        }
        Err(format!("missing {end}, unterminated name"))
    }
}

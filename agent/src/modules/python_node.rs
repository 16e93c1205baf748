//! Patterns of Python's `re`, as a tree.

use super::python_class::Class;

/// The most repetitions that Python counts; more are "any number".
pub const MOST: u32 = u32::MAX;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// One character of these.
    One(One),
    /// A place.
    At(Place),
    /// One after the other.
    All(Vec<Node>),
    /// The first that fits.
    Any(Vec<Node>),
    /// A group that is remembered by its number.
    Group(usize, Box<Node>),
    /// Several times.
    Repeat {
        /// What.
        node: Box<Node>,
        /// How often at least.
        min: u32,
        /// How often at most.
        max: u32,
        /// How many are tried first.
        mode: Mode,
    },
    /// What a group matched, again.
    Same {
        /// Its number.
        group: usize,
        /// Whether case is ignored, and whether only ASCII has case.
        ignore_case: Option<bool>,
    },
    /// Whether this follows, or precedes.
    Look {
        /// What.
        node: Box<Node>,
        /// Whether it must not.
        not: bool,
        /// For what precedes: how many characters it has.
        behind: Option<usize>,
    },
    /// What matched once is not tried otherwise.
    Atomic(Box<Node>),
    /// By whether a group has matched.
    If {
        /// The group.
        group: usize,
        /// If it has.
        yes: Box<Node>,
        /// If not.
        no: Box<Node>,
    },
}

/// One character.
#[derive(Clone, Debug, PartialEq)]
pub enum One {
    /// This one.
    Char(char),
    /// One that is equal but for case (it is folded); whether only ASCII has case.
    NoCase(char, bool),
    /// One of a set.
    Of(Class),
    /// Any but a line's end.
    NotNewline,
    /// Any.
    Any,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The start of the text.
    Start,
    /// The start of a line.
    LineStart,
    /// The end of the text, or before its last newline.
    End,
    /// The end of a line.
    LineEnd,
    /// The very end of the text.
    VeryEnd,
    /// Where a word begins or ends (or nowhere there); whether words are of ASCII.
    Word {
        /// Whether it is not such a place.
        not: bool,
        /// Whether words are of ASCII.
        ascii: bool,
    },
}

/// How many repetitions are tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As many as possible.
    Greedy,
    /// As few as possible.
    Lazy,
    /// As many as possible, and never fewer.
    Possessive,
}

impl Node {
    /// How many characters it has, at least and at most, with what each group has, once that is closed. None: any number.
    pub fn width(&self, groups: &[Option<(usize, usize)>]) -> Option<(usize, usize)> {
        Some(match self {
            Node::One(_) => (1, 1),
            Node::At(_) | Node::Look { .. } => (0, 0),
            Node::All(nodes) => {
                let mut sum = (0usize, 0usize);
                for node in nodes {
                    let (least, most) = node.width(groups)?;
                    sum = (sum.0.checked_add(least)?, sum.1.checked_add(most)?);
                }
                sum
            }
            Node::Any(nodes) => {
                let mut range = (usize::MAX, 0);
                for node in nodes {
                    let (least, most) = node.width(groups)?;
                    range = (range.0.min(least), range.1.max(most));
                }
                range
            }
            Node::Group(_, node) | Node::Atomic(node) => node.width(groups)?,
            Node::Repeat { max: MOST, .. } => return None,
            Node::Repeat { node, min, max, .. } => {
                let (least, most) = node.width(groups)?;
                (least.checked_mul(*min as usize)?, most.checked_mul(*max as usize)?)
            }
            Node::Same { group, .. } => groups.get(*group).copied().flatten()?,
            Node::If { yes, no, .. } => {
                let (a, b) = (yes.width(groups)?, no.width(groups)?);
                (a.0.min(b.0), a.1.max(b.1))
            }
        })
    }
}

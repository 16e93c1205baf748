//! Matches Python's regular expressions, by backtracking as Python does.
//!
//! A pattern becomes a program. Running it keeps a stack of what else could be tried, and of what must be set back before
//! that; so neither long texts nor deep patterns need a deep stack of calls, only looks around and atomic groups are
//! calls.

use super::python_class::{Kind, folded};
use super::python_node::{Mode, Node, One, Place};

/// How many steps one search may take: patterns that try everything end here rather than never.
const MOST_STEPS: u64 = 200_000_000;
/// How many things may be left to try: about a hundred megabytes.
const MOST_LEFT: usize = 4 << 20;
/// How large a program may become by repetitions that are written out.
const LONGEST: usize = 1 << 20;

/// A slot that holds no position.
const NONE: usize = usize::MAX;

/// A step of a program.
#[derive(Debug)]
enum Step {
    One(One),
    At(Place),
    /// Go on here; should that fail, there.
    Fork(usize, usize),
    Jump(usize),
    /// The position, into a slot.
    Save(usize),
    /// Zero, into a slot.
    Zero(usize),
    /// Begins a repetition whose number is in a slot; the end is where it goes on after the last one.
    Count {
        slot: usize,
        min: u32,
        max: u32,
        lazy: bool,
        end: usize,
    },
    /// Leaves a repetition that has matched nothing since the position in the slot: it would do so for ever.
    Moved {
        slot: usize,
        end: usize,
    },
    /// Several times one character.
    Many {
        one: One,
        min: u32,
        max: u32,
        mode: Mode,
    },
    Same {
        group: usize,
        ignore_case: Option<bool>,
    },
    /// What follows, up to `end`, is looked at from here, or from so many characters before.
    Look {
        not: bool,
        behind: Option<usize>,
        end: usize,
    },
    /// What follows, up to `end`, is not tried otherwise once it has matched.
    Atomic {
        end: usize,
    },
    /// Goes to the second place unless the group has matched.
    If {
        group: usize,
        no: usize,
    },
    /// The end, of the program or of what a look or an atomic group consists of.
    Done,
}

/// A pattern that can be run.
#[derive(Debug)]
pub struct Program {
    steps: Vec<Step>,
    slots: usize,
    groups: usize,
    start: Start,
}

/// What is known of where matches begin: it saves trying everywhere.
#[derive(Debug, PartialEq)]
enum Start {
    /// At the start of the text.
    Text,
    /// At the start of a line.
    Line,
    /// With this text.
    With(String),
    Anywhere,
}

/// Why no program came of a pattern.
pub const TOO_LARGE: &str = "the pattern is too large";

impl Program {
    /// The program of a pattern with so many groups (the whole match is one).
    pub fn new(node: &Node, groups: usize) -> Option<Program> {
        let mut program = Program { steps: Vec::new(), slots: 2 * groups, groups, start: start(node) };
        program.add(node)?;
        program.steps.push(Step::Done);
        Some(program)
    }

    /// How many groups there are, the whole match included.
    pub fn groups(&self) -> usize {
        self.groups
    }

    fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    fn add(&mut self, node: &Node) -> Option<()> {
        if self.steps.len() > LONGEST {
            return None;
        }
        match node {
            Node::One(one) => {
                self.push(Step::One(one.clone()));
            }
            Node::At(place) => {
                self.push(Step::At(*place));
            }
            Node::All(nodes) => nodes.iter().try_for_each(|node| self.add(node))?,
            Node::Any(nodes) => {
                let mut jumps = Vec::new();
                for (at, node) in nodes.iter().enumerate() {
                    if at + 1 == nodes.len() {
                        self.add(node)?;
                        break;
                    }
                    let fork = self.push(Step::Fork(0, 0));
                    self.add(node)?;
                    jumps.push(self.push(Step::Jump(0)));
                    self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
                }
                for jump in jumps {
                    self.steps[jump] = Step::Jump(self.steps.len());
                }
            }
            Node::Group(number, node) => {
                self.push(Step::Save(2 * number));
                self.add(node)?;
                self.push(Step::Save(2 * number + 1));
            }
            Node::Repeat { node, min, max, mode } => self.repeat(node, *min, *max, *mode)?,
            Node::Same { group, ignore_case } => {
                self.push(Step::Same { group: *group, ignore_case: *ignore_case });
            }
            Node::Look { node, not, behind } => {
                let look = self.push(Step::Done);
                self.add(node)?;
                self.push(Step::Done);
                self.steps[look] = Step::Look { not: *not, behind: *behind, end: self.steps.len() };
            }
            Node::Atomic(node) => {
                let atomic = self.push(Step::Done);
                self.add(node)?;
                self.push(Step::Done);
                self.steps[atomic] = Step::Atomic { end: self.steps.len() };
            }
            Node::If { group, yes, no } => {
                let choice = self.push(Step::Done);
                self.add(yes)?;
                let jump = self.push(Step::Jump(0));
                self.steps[choice] = Step::If { group: *group, no: self.steps.len() };
                self.add(no)?;
                self.steps[jump] = Step::Jump(self.steps.len());
            }
        }
        Some(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: u32, mode: Mode) -> Option<()> {
        if let Node::One(one) = node {
            self.push(Step::Many { one: one.clone(), min, max, mode });
            return Some(());
        }
        if mode == Mode::Possessive {
            let greedy = Node::Repeat { node: Box::new(node.clone()), min, max, mode: Mode::Greedy };
            return self.add(&Node::Atomic(Box::new(greedy)));
        }
        let lazy = mode == Mode::Lazy;
        if (min, max) == (0, 1) {
            let fork = self.push(Step::Done);
            self.add(node)?;
            let (inside, end) = (fork + 1, self.steps.len());
            self.steps[fork] = if lazy { Step::Fork(end, inside) } else { Step::Fork(inside, end) };
            return Some(());
        }
        let (counter, mark) = (self.slot(), self.slot());
        self.push(Step::Zero(counter));
        let count = self.push(Step::Done);
        self.push(Step::Save(mark));
        self.add(node)?;
        let moved = self.push(Step::Done);
        self.push(Step::Jump(count));
        let end = self.steps.len();
        self.steps[count] = Step::Count { slot: counter, min, max, lazy, end };
        self.steps[moved] = Step::Moved { slot: mark, end };
        Some(())
    }
}

/// What is known of where matches begin.
fn start(node: &Node) -> Start {
    let mut known = String::new();
    let mut nodes: Vec<&Node> = vec![node];
    while let Some(node) = nodes.pop() {
        match node {
            Node::All(all) => nodes.extend(all.iter().rev()),
            Node::Group(_, inner) => {
                nodes.push(inner);
            }
            Node::One(One::Char(c)) => known.push(*c),
            Node::At(Place::Start) if known.is_empty() => return Start::Text,
            Node::At(Place::LineStart) if known.is_empty() => return Start::Line,
            _ => break,
        }
    }
    if known.is_empty() { Start::Anywhere } else { Start::With(known) }
}

/// What a run has still to try, or to set back before.
enum Left {
    Try {
        step: usize,
        at: usize,
    },
    /// One character less each time, down to `floor`.
    Fewer {
        step: usize,
        floor: usize,
        at: usize,
    },
    /// One character more each time.
    More {
        step: usize,
        at: usize,
        times: u32,
    },
    SetBack {
        slot: usize,
        value: usize,
    },
}

/// Matching took more than it may.
#[derive(Debug, PartialEq)]
pub struct GaveUp;

/// A run of a program on a text.
struct Run<'r> {
    program: &'r Program,
    text: &'r str,
    slots: Vec<usize>,
    left: Vec<Left>,
    steps: u64,
    /// Where no match may end.
    refused: Option<usize>,
}

impl Program {
    /// The first match that begins at `from` or later, or only there: the ends of all groups, two slots each. With
    /// `not_empty` it must not be the empty one at `from`, which was found before.
    pub fn search(
        &self,
        text: &str,
        from: usize,
        only_there: bool,
        not_empty: bool,
    ) -> Result<Option<Vec<usize>>, GaveUp> {
        let refused = not_empty.then_some(from);
        let slots = vec![NONE; self.slots];
        let mut run = Run { program: self, text, slots, left: Vec::new(), steps: 0, refused };
        let mut next = Some(from);
        while let Some(start) = next {
            let Some(at) = (if only_there { Some(start) } else { self.candidate(text, start) }) else { break };
            if let Some(end) = run.run(0, at)? {
                (run.slots[0], run.slots[1]) = (at, end);
                run.slots.truncate(2 * self.groups);
                return Ok(Some(run.slots));
            }
            next = text[at..].chars().next().filter(|_| !only_there).map(|c| at + c.len_utf8());
        }
        Ok(None)
    }

    /// The first place from `from` on where a match may begin.
    fn candidate(&self, text: &str, from: usize) -> Option<usize> {
        match &self.start {
            Start::Anywhere => Some(from),
            Start::Text => (from == 0).then_some(0),
            Start::Line if from == 0 || text.as_bytes()[from - 1] == b'\n' => Some(from),
            Start::Line => text[from..].find('\n').map(|at| from + at + 1),
            Start::With(known) => text[from..].find(known.as_str()).map(|at| from + at),
        }
    }
}

impl Run<'_> {
    fn next(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next()
    }

    fn before(&self, at: usize) -> Option<char> {
        self.text[..at].chars().next_back()
    }

    fn set(&mut self, slot: usize, value: usize) {
        let old = std::mem::replace(&mut self.slots[slot], value);
        self.left.push(Left::SetBack { slot, value: old });
    }

    /// Runs from a step on to the next `Done`. Returns where in the text that was; then what is left to try stays.
    fn run(&mut self, step: usize, at: usize) -> Result<Option<usize>, GaveUp> {
        let base = self.left.len();
        let (mut step, mut at) = (step, at);
        loop {
            self.steps += 1;
            if self.steps > MOST_STEPS || self.left.len() > MOST_LEFT {
                return Err(GaveUp);
            }
            let program = self.program;
            let goes_on = match &program.steps[step] {
                // A match that is not empty ends behind the refused place.
                Step::Done if self.refused == Some(at) && step + 1 == program.steps.len() => false,
                Step::Done => return Ok(Some(at)),
                Step::One(one) => match self.next(at).filter(|c| one.is(*c)) {
                    Some(c) => {
                        at += c.len_utf8();
                        true
                    }
                    None => false,
                },
                Step::At(place) => self.is_at(*place, at),
                Step::Fork(first, second) => {
                    self.left.push(Left::Try { step: *second, at });
                    step = *first;
                    continue;
                }
                Step::Jump(to) => {
                    step = *to;
                    continue;
                }
                Step::Save(slot) => {
                    self.set(*slot, at);
                    true
                }
                Step::Zero(slot) => {
                    self.set(*slot, 0);
                    true
                }
                Step::Count { slot, min, max, lazy, end } => {
                    let times = self.slots[*slot];
                    let (needs, may) = (times < *min as usize, *max == u32::MAX || times < *max as usize);
                    match (needs, may, lazy) {
                        (true, _, _) => self.set(*slot, times + 1),
                        (false, false, _) => {
                            step = *end;
                            continue;
                        }
                        (false, true, false) => {
                            self.left.push(Left::Try { step: *end, at });
                            self.set(*slot, times + 1);
                        }
                        (false, true, true) => {
                            // One more is tried only where leaving fails: that begins at a step of its own.
                            self.left.push(Left::More { step, at, times: 0 });
                            step = *end;
                            continue;
                        }
                    }
                    true
                }
                Step::Moved { slot, end } => {
                    if self.slots[*slot] == at {
                        step = *end;
                        continue;
                    }
                    true
                }
                Step::Many { one, min, max, mode } => {
                    let wanted = if *mode == Mode::Lazy { *min } else { *max };
                    match self.many(one, at, *min, wanted) {
                        Some((floor, end)) => {
                            match mode {
                                Mode::Greedy if floor < end => {
                                    self.left.push(Left::Fewer { step: step + 1, floor, at: end });
                                }
                                Mode::Lazy if *min < *max => {
                                    self.left.push(Left::More { step, at: end, times: *min });
                                }
                                _ => {}
                            }
                            at = end;
                            true
                        }
                        None => false,
                    }
                }
                Step::Same { group, ignore_case } => match self.same(*group, *ignore_case, at) {
                    Some(end) => {
                        at = end;
                        true
                    }
                    None => false,
                },
                Step::Look { not, behind, end } => {
                    let from = match behind {
                        None => Some(at),
                        Some(count) => (0..*count).try_fold(at, |at, _| Some(at - self.before(at)?.len_utf8())),
                    };
                    let found = match from {
                        Some(from) => self.once(step + 1, from, *not)?.is_some(),
                        None => false,
                    };
                    if found != *not {
                        step = *end;
                        continue;
                    }
                    false
                }
                Step::Atomic { end } => match self.once(step + 1, at, false)? {
                    Some(there) => {
                        (step, at) = (*end, there);
                        continue;
                    }
                    None => false,
                },
                Step::If { group, no } => {
                    if self.slots[2 * group + 1] == NONE {
                        step = *no;
                        continue;
                    }
                    true
                }
            };
            if goes_on {
                step += 1;
                continue;
            }
            match self.back(base) {
                Some(next) => (step, at) = next,
                None => return Ok(None),
            }
        }
    }

    /// Runs what is not tried otherwise once it has matched. What it set stays, unless `undone`.
    fn once(&mut self, step: usize, at: usize, undone: bool) -> Result<Option<usize>, GaveUp> {
        let base = self.left.len();
        let end = self.run(step, at)?;
        if undone {
            while self.left.len() > base {
                if let Some(Left::SetBack { slot, value }) = self.left.pop() {
                    self.slots[slot] = value;
                }
            }
        } else {
            let mut kept = base;
            for place in base..self.left.len() {
                if matches!(self.left[place], Left::SetBack { .. }) {
                    self.left.swap(kept, place);
                    kept += 1;
                }
            }
            self.left.truncate(kept);
        }
        Ok(end)
    }

    /// Goes back to the last thing that is left to try.
    fn back(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.left.len() > base {
            match self.left.pop()? {
                Left::SetBack { slot, value } => self.slots[slot] = value,
                Left::Try { step, at } => return Some((step, at)),
                Left::Fewer { step, floor, at } => {
                    let fewer = at - self.before(at).map_or(0, char::len_utf8);
                    if fewer > floor {
                        self.left.push(Left::Fewer { step, floor, at: fewer });
                    }
                    return Some((step, fewer));
                }
                Left::More { step, at, times } => match &self.program.steps[step] {
                    Step::Many { one, max, .. } => {
                        let Some(c) = self.next(at).filter(|c| one.is(*c)) else { continue };
                        let (at, times) = (at + c.len_utf8(), times + 1);
                        if times < *max {
                            self.left.push(Left::More { step, at, times });
                        }
                        return Some((step + 1, at));
                    }
                    Step::Count { slot, .. } => {
                        let times = self.slots[*slot] + 1;
                        self.set(*slot, times);
                        return Some((step + 1, at));
                    }
                    _ => continue,
                },
            }
        }
        None
    }

    /// The places after the least and the most repetitions of one character. None: there are too few.
    fn many(&mut self, one: &One, at: usize, min: u32, most: u32) -> Option<(usize, usize)> {
        let (mut floor, mut end, mut times) = (at, at, 0);
        for c in self.text[at..].chars().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            if !one.is(c) {
                break;
            }
            end += c.len_utf8();
            times += 1;
            if times == min {
                floor = end;
            }
        }
        self.steps += u64::from(times);
        (times >= min).then_some((floor, end))
    }

    /// The place after what a group matched, if that stands here again.
    fn same(&self, group: usize, ignore_case: Option<bool>, at: usize) -> Option<usize> {
        let (from, to) = (self.slots[2 * group], self.slots[2 * group + 1]);
        let known = self.text.get(from..to).filter(|_| to != NONE)?;
        let Some(ascii) = ignore_case else {
            return self.text[at..].starts_with(known).then_some(at + known.len());
        };
        let mut here = self.text[at..].chars();
        let equal = known.chars().all(|c| here.next().is_some_and(|other| folded(c, ascii) == folded(other, ascii)));
        equal.then(|| self.text.len() - here.as_str().len())
    }

    fn is_at(&self, place: Place, at: usize) -> bool {
        let rest = &self.text.as_bytes()[at..];
        match place {
            Place::Start => at == 0,
            Place::LineStart => at == 0 || self.text.as_bytes()[at - 1] == b'\n',
            Place::End => rest.is_empty() || rest == b"\n",
            Place::LineEnd => rest.first().is_none_or(|byte| *byte == b'\n'),
            Place::VeryEnd => rest.is_empty(),
            Place::Word { not, ascii } => {
                let is_word = |c: Option<char>| c.is_some_and(|c| Kind::Word.has(c, ascii));
                // In an empty text there is neither, until Python 3.14.
                !self.text.is_empty() && (is_word(self.before(at)) != is_word(self.next(at))) != not
            }
        }
    }
}

impl One {
    fn is(&self, c: char) -> bool {
        match self {
            One::Char(this) => *this == c,
            One::NoCase(this, ascii) => *this == folded(c, *ascii),
            One::Of(class) => class.has(c),
            One::NotNewline => c != '\n',
            One::Any => true,
        }
    }
}

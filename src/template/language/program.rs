//! The tree.

use crate::template::filters::Filter;
use crate::template::python::operators::Operator;
use crate::template::tests::Test;
use minijinja::Value;
use std::sync::Arc;

/// A name.
pub type Name = Arc<str>;

/// First byte and byte after the last one, in the template.
pub type At = (u32, u32);

/// A template or an expression, ready to be evaluated. Shared by all threads.
#[derive(Debug)]
pub struct Program {
    /// What error messages call it: a path, or "" for text in a playbook.
    pub name: Arc<str>,
    /// The template's text.
    pub text: Arc<str>,
    /// What it does: one `Emit` where it was compiled as an expression.
    pub body: Vec<Statement>,
    /// Its blocks by name, for templates that others extend.
    pub blocks: Vec<(Name, Arc<Vec<Statement>>)>,
    /// Whether it calls methods that change values, so that it must work on its own copies.
    pub changes: bool,
}

/// An expression at its place.
#[derive(Debug)]
pub struct Expression {
    /// The place.
    pub at: At,
    /// What it is.
    pub node: Node,
}

impl Expression {
    /// First byte of all of it: a filter's place, for one, begins at its name.
    pub fn start(&self) -> u32 {
        match &self.node {
            Node::Binary(_, parts) | Node::And(parts) | Node::Or(parts) => parts[0].start(),
            Node::Slice(parts) => parts[0].start(),
            Node::Compare(first, _) => first.start(),
            Node::If { then, .. } => then.start(),
            Node::Filter { value, .. } | Node::Test { value, .. } if !matches!(value.node, Node::Captured) => {
                value.start()
            }
            Node::Attribute(object, _) | Node::Item(object, _) | Node::Call(object, _) => object.start(),
            _ => self.at.0,
        }
    }
}

/// What an expression is.
#[derive(Debug)]
pub enum Node {
    Constant(Value),
    /// A text literal that is a template itself: `when: x == '{{ y }}'`.
    Embedded(Arc<str>),
    Variable(Name),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Attribute(Box<Expression>, Name),
    Item(Box<Expression>, Box<Expression>),
    Slice(Box<[Expression; 4]>),
    Binary(Operator, Box<[Expression; 2]>),
    Negate(Box<Expression>),
    Not(Box<Expression>),
    And(Box<[Expression; 2]>),
    Or(Box<[Expression; 2]>),
    /// `a < b <= c`: the first operand, and each comparison with what follows.
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// `then if condition else otherwise`.
    If {
        condition: Box<Expression>,
        then: Box<Expression>,
        otherwise: Option<Box<Expression>>,
    },
    /// `value | name(arguments)`; no filter where nothing has that name.
    Filter {
        name: Name,
        filter: Option<&'static Filter>,
        value: Box<Expression>,
        arguments: Vec<Argument>,
    },
    /// `value is name(arguments)`.
    Test {
        name: Name,
        test: Option<&'static Test>,
        value: Box<Expression>,
        arguments: Vec<Argument>,
    },
    Call(Box<Expression>, Vec<Argument>),
    /// `self.block()`.
    Block(Name),
    /// The text that a filter block or a filtered `set` block captured.
    Captured,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// An argument of a call.
#[derive(Debug)]
pub enum Argument {
    Positional(Expression),
    Named(Name, Expression),
    /// `*list`.
    Spread(Expression),
    /// `**dict`.
    SpreadNamed(Expression),
}

/// What is assigned to.
#[derive(Debug)]
pub enum Target {
    Name(Name),
    /// `ns.attribute`.
    Attribute(Box<Expression>, Name),
    /// `a, b`.
    Several(Vec<Target>),
}

/// A `for` loop.
#[derive(Debug)]
pub struct ForLoop {
    pub target: Target,
    pub items: Expression,
    pub condition: Option<Expression>,
    pub recursive: bool,
    pub body: Vec<Statement>,
    pub otherwise: Vec<Statement>,
}

/// A macro, or the body of a call block.
#[derive(Debug)]
pub struct Macro {
    pub name: Name,
    pub parameters: Vec<Name>,
    /// Defaults of the last parameters.
    pub defaults: Vec<Expression>,
    pub body: Vec<Statement>,
    /// Which of `caller`, `varargs` and `kwargs` its body mentions: a call may pass what is mentioned only.
    pub takes_caller: bool,
    pub takes_more: bool,
    pub takes_more_named: bool,
}

/// Whether an imported or included template sees the variables here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// It sees variables and what was set here.
    Context,
    /// It sees only globals.
    Nothing,
}

/// A statement.
#[derive(Debug)]
pub enum Statement {
    Text(Arc<str>),
    Emit(Expression),
    For(Arc<ForLoop>),
    If(Expression, Vec<Statement>, Vec<Statement>),
    With(Vec<(Target, Expression)>, Vec<Statement>),
    Set(Target, Expression),
    /// `{% set x | filter %}…{% endset %}`.
    SetBlock(Target, Option<Expression>, Vec<Statement>),
    /// `{% filter f %}…{% endfilter %}`; without a filter, only a scope (`autoescape`).
    FilterBlock(Option<Expression>, Vec<Statement>),
    Block(Name),
    Extends(Expression),
    Include {
        name: Expression,
        ignore_missing: bool,
        within: Within,
    },
    Import {
        name: Expression,
        target: Target,
        within: Within,
    },
    FromImport {
        name: Expression,
        names: Vec<(Name, Name)>,
        within: Within,
    },
    Macro(Arc<Macro>),
    /// A call with a body.
    CallBlock {
        at: At,
        callee: Expression,
        arguments: Vec<Argument>,
        caller: Arc<Macro>,
    },
    Do(Expression),
    Continue,
    Break,
}

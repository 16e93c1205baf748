//! What a template says: read by minijinja's parser, turned into a tree of our own whose operations mean what they mean in
//! Python, and kept for the run.

mod cache;
mod forgiving;
mod literal;
mod lower;
mod program;

pub use cache::{Programs, Syntax};
pub use program::{
    Argument, At, Comparison, Expression, ForLoop, Macro, Name, Node, Program, Statement, Target, Within,
};

//! The engine: takes plays through their batches, tasks and hosts, and tells what happens as events.

mod adhoc;
mod arguments;
mod background;
mod batch;
mod connection_vars;
mod debugger;
mod ending;
mod entry;
mod explain;
mod extra_vars;
mod fact_cache;
mod flow;
mod foresight;
mod handlers;
mod host;
mod includes;
mod judgement;
mod keywords;
mod lists;
mod loops;
mod magic;
mod meta;
mod on_host;
mod options;
mod play;
mod pool;
mod run;
mod settling;
mod step;
mod target;
mod templates;
mod throttle;
mod words;
mod world;

pub use ending::details;
pub use entry::{Ready, Tools, exit, prepare, run};
pub use explain::{
    ExplainedTask, ExplainedVariable, Place as SetAt, Skip, explain_task, explain_variable, levels_above,
};
pub use foresight::{Foresight, TaskMark};
pub use lists::list;
pub use options::{Become, Connection, Fleet, ListOnly, Password, RunOptions, VaultSecret, VaultSource, What};

use settling::censor;
use words::{absolute, words};
pub(crate) use words::{glob, written, written_text};

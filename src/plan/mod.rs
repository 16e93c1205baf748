//! Plans: what every host will become, read off the events of a dry run; and of a run, what every host became.
//!
//! A plan is a document: it is shown, saved, signed, shown again without touching a host, and compared with another one.

mod changes;
mod compare;
mod expectation;
mod model;
mod reader;
mod saved;
mod signature;
mod sources;
mod summary;

pub use changes::{Change, Changes, Field, Kind};
pub use compare::{Difference, Pair, TaskKey};
pub use expectation::{Deviation, Expectation};
pub use model::{Batch, Content, Delta, Form, HostPlan, ItemPlan, Plan, Play, Step, Taken, Task};
pub use reader::{PlanReader, SharedReader};
pub use saved::{Inputs, SavedPlan, SavedPlanError};
pub use signature::{Signature, Signer};
pub use sources::{differing, sources};
pub use summary::{HostOutcome, Summary};

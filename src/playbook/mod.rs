//! From [`Source`](crate::loader::Source) to plays, blocks and tasks. Everything that can be known to be wrong before a host
//! is contacted is found here, all of it at once.

mod keyword;
mod model;
mod parse;
mod role;
mod scope;
mod tags;

pub use keyword::{BLOCK, HANDLER, Inheritance, Keyword, PLAY, Places, ROLE, TASK, names_on};
pub use model::{Action, Args, Block, Loop, Node, Play, Playbook, Task, one_or_more};
pub use parse::{FileKind, LoadedRole, Parser, RoleParts, RoleRequest, StaticText};
pub(crate) use parse::{collection_of, find_task_file};
pub use role::{Role, RoleUse};
pub use scope::{Keywords, Scope, ScopeKind};
pub use tags::{TagFilter, tag_texts, tags_of};

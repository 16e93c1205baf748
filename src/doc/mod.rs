//! Documentation made from the modules' declarations: text for `refit doc`, JSON schema for `refit schema`.

mod schema;
mod text;

pub use schema::{schema_of, schema_of_all};
pub use text::{list, page};

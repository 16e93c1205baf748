//! What values mean in Ansible's templates: what Python makes of them.

pub mod compare;
pub mod container;
pub mod float;
pub mod format;
pub mod kind;
pub mod methods;
pub mod operators;
pub mod random;
pub mod slice;
pub mod text;

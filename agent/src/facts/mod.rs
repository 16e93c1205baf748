//! Facts: what a host is, read natively from its files and its kernel.
//!
//! Names and shapes are those of Ansible's `ansible_facts`, without the prefix `ansible_`. Each collector is a file
//! that gathers one [`Subset`]; [`subset_of`] tells which subset a fact belongs to, so that only what a play mentions
//! need be gathered.

mod date_time;
mod devices;
mod distribution;
mod dmi;
mod environment;
mod gather;
mod identity;
mod ini;
mod kernel;
mod local;
mod lsb;
mod lvm;
mod memory;
mod mounts;
mod netlink;
mod network;
mod probe;
mod processor;
mod python;
mod security;
mod services;
mod storage_names;
mod subset;
mod system;
mod virtualization;

pub use gather::{Gathered, Request, gather};
pub(crate) use identity::full_name;
pub use subset::{BadSubset, Subset, select, subset_of};

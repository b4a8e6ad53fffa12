//! Tasks: calls that go on after they have been answered, in both forms.
//!
//! A task is a record that any instance can read and answer; what runs is on one instance, and ends
//! with it. It belongs to whoever made it, and nobody else learns that it exists.

mod client;
mod record;
mod table;

pub(crate) use client::{InTask, Starter, Starting};
use record::Asker;
pub(crate) use record::{Answer, Outcome, TaskRecord};
pub(crate) use table::{CreateError, TaskId, Tasks};

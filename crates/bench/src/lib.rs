//! What is asked, by every program that measures: the counter of instructions, the bare handler and
//! the load generator's requests are made here, so that all of them speak of the same bytes.

mod cases;
mod ceiling;

pub use self::{
    cases::{Ask, Case, opening},
    ceiling::ceiling,
};

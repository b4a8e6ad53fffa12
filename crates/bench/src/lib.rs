//! What a request costs: counted in instructions (`bin/count.rs`, `cargo xtask counts`), and measured
//! against a bare handler on the same core (`bin/bench.rs`, `cargo xtask bench`).
//!
//! What is asked stands in [`cases`], for both. The bare handlers are in [`ceiling`]; a ratio to them
//! says how much of what HTTP, JSON and the system cost is left to us. What others make of the same
//! call is in [`peers`].

pub mod cases;
pub mod ceiling;
pub mod measures;
pub mod peers;
pub mod process;
pub mod redis;
pub mod report;
pub mod rounds;
pub mod site;
pub mod wire;
pub mod wrk;

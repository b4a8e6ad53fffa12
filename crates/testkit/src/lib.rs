//! Tools for tests. They know the wire and the specifications, but neither of the servers.
//!
//! - [`rpc`]: MCP clients for every revision, on raw messages, able to be wrong on purpose
//! - [`schema`]: the official schemas; every message a client here receives is held against them
//! - [`http`], [`browser`], [`oauth`]: a plain HTTP client, a browser without JavaScript, the flow
//! - [`dpop`]: keys of clients, and proofs that they have them
//! - [`process`], [`redis`], [`faults`]: programs, a real Redis, and lines that break on command
//! - [`otlp`]: a collector of spans
//! - [`secrets`]: what all of them have made that nobody else must see
//! - [`wait`]: the one way to wait for something
//!
//! What is received is checked without being asked, and what is wrong ends the test: a panic here
//! means that the other side broke a promise, and its message says which.
#![expect(
    clippy::missing_panics_doc,
    reason = "every check panics: that is how a test fails, and the front page says so"
)]

pub mod browser;
pub mod dpop;
mod fail;
pub mod faults;
pub mod http;
pub mod oauth;
pub mod otlp;
#[cfg(test)]
mod played;
pub mod process;
pub mod redis;
pub mod rpc;
pub mod schema;
pub mod secrets;
pub mod wait;

pub use wait::{PATIENCE, as_time_passes, eventually, within};

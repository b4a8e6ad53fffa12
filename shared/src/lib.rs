//! Protocol types: what travels between programs, and nothing else.
//!
//! - [`oauth`] is the contract between the two servers and their clients.
//! - [`mcp`] is the Model Context Protocol, once for all revisions.
//!
//! What belongs here: types that are read from the wire or written to it, their names, and the
//! rules of reading and writing. What does not: decisions, input and output, time, randomness.

pub mod mcp;
pub mod oauth;

//! MCP clients on raw messages: [`Modern`] for 2026-07-28, [`Session`] for the revisions before.
//!
//! They speak correctly by themselves and wrongly when told to: a [`Draft`] is a request on its way
//! out and can be changed in every respect. They know nothing of the servers' types. Every message
//! they receive is held against the [`schema`](crate::schema) of its revision, every answer against
//! the rules of the transport.

mod draft;
mod exchange;
mod lines;
mod modern;
mod promises;
mod reply;
mod script;
mod session;
pub mod sse;
mod sse_2024;
mod wire;

pub use draft::Draft;
pub use exchange::{Ending, Exchange, Left};
pub use lines::Pipe;
pub use modern::Modern;
pub use reply::Reply;
pub use script::Script;
pub use session::{Opening, Session};
pub use sse_2024::OldSession;

#[cfg(test)]
mod tests;

//! What the features of this server share: nothing yet.

/// Handed to every feature as [`Ctx::app`](mcp_core::Ctx::app).
#[derive(Debug, Default)]
pub struct App {}

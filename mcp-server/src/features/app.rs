//! What the features of this server share: what an operator has decided about them.

use super::{diagnostics::Shown, fetch::Rules};

/// Handed to every feature as [`Ctx::app`](mcp_core::Ctx::app).
#[derive(Clone, Debug)]
pub struct App {
    /// Hosts of the pages that people may be sent to.
    pub(super) pages: Vec<String>,
    /// What may be fetched.
    pub(super) fetching: Rules,
    /// The variables of the environment that may be seen.
    pub(super) shown: Shown,
}

impl Default for App {
    fn default() -> Self {
        let pages = ["modelcontextprotocol.io", "example.com"].map(str::to_owned).to_vec();
        Self { pages, fetching: Rules::default(), shown: Shown::default() }
    }
}

//! What is served beside the protocol: pages for people, documents for those who look for servers.

use ambient::{Reader, values::Switch};

/// What is served beside the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// Whether there is the client in a browser at `/playground`.
    pub playground: bool,
    /// Whether the server card and the catalogue that names it are served.
    pub server_card: bool,
}

/// Reads them.
pub(super) fn read(read: &mut Reader<'_>) -> PageSettings {
    PageSettings {
        playground: read
            .setting("MCP_PLAYGROUND", "1 serves a client for the browser at /playground.")
            .or(Switch(true))
            .0,
        server_card: read
            .setting(
                "MCP_SERVER_CARD",
                "1 serves the server card at /mcp/server-card, and /.well-known/ai-catalog.json.",
            )
            .or(Switch(true))
            .0,
    }
}

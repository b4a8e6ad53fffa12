//! The toolset of the reference servers: one tool for every feature of the protocol.

mod tools;

use mcp_core::Catalog;

use super::App;

/// Adds the toolset to a catalog.
pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<tools::Echo>()
        .tool::<tools::Add>()
        .tool::<tools::LongRunningOperation>()
        .tool::<tools::ElicitationRequest>()
}

//! YOURS: what this server offers. A fork replaces this folder and nothing else.
//!
//! [`offered`] is all that a program uses: [`catalog`] with what the settings change of it.

mod app;
mod apps;
mod calculator;
mod diagnostics;
mod everything;
mod fetch;
mod hosts;
mod icons;
#[cfg(test)]
mod listings;
mod options;
mod skills;
mod toolsets;
mod uuid;

use mcp_core::Catalog;
use shared::mcp::Implementation;

pub use self::{app::App, options::offered};

/// The name of this server and what people see.
#[must_use]
pub fn server() -> Implementation {
    Implementation::new("mcp-example-server", env!("CARGO_PKG_VERSION"))
        .with_title("MCP Example Server")
}

/// Everything this server offers unless its settings say otherwise, in the order in which it is
/// listed.
#[must_use]
pub fn catalog() -> Catalog<App> {
    toolsets::Toolsets::default().catalog()
}

//! YOURS: what this server offers. A fork replaces this folder and nothing else.
//!
//! Three names are all that the rest of the server uses: [`server`], [`catalog`] and [`App`].

mod app;
mod calculator;
mod everything;

use mcp_core::Catalog;
use shared::mcp::Implementation;

pub use self::app::App;

/// The name of this server and what people see.
#[must_use]
pub fn server() -> Implementation {
    Implementation::new("mcp-example-server", env!("CARGO_PKG_VERSION"))
        .with_title("MCP Example Server")
}

/// Everything this server offers, in the order in which it is listed.
#[must_use]
pub fn catalog() -> Catalog<App> {
    calculator::add(everything::add_to(Catalog::new()))
}

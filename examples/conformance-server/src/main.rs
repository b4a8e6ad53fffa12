//! The features that the official conformance suite expects, on the same infrastructure.
//!
//! It is also the proof that features can be replaced: nothing of `mcp-server` was changed for it.
//! Run it without authorization: `MCP_AUTH=none cargo run -p conformance-server`.

mod prompts;
mod resources;
mod skills;
mod tools;

use std::process::ExitCode;

use mcp_core::{Announced, Catalog, Features};
use mcp_server::run;
use shared::mcp::Implementation;

/// The fixtures share nothing.
pub(crate) struct App;

/// A red pixel.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

fn catalog() -> Catalog<App> {
    skills::add_to(prompts::add_to(resources::add_to(tools::add_to(Catalog::new()))))
}

#[tokio::main]
async fn main() -> ExitCode {
    let server = Implementation::new("conformance-server", env!("CARGO_PKG_VERSION"));
    let features = Features::new(server, catalog(), App).announcing(Announced {
        tools: true,
        prompts: true,
        resource_updates: true,
        ..Announced::default()
    });
    chassis::exit_code(run::serve(features).await)
}

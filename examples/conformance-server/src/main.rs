//! The features that the official conformance suite expects, on the same infrastructure.
//!
//! It is also the proof that features can be replaced: nothing of `mcp-server` was changed for it.
//! Run it without authorization: `MCP_AUTH=none cargo run -p conformance-server`.

mod tools;

use std::process::ExitCode;

use mcp_core::{Catalog, Features};
use mcp_server::run;
use shared::mcp::Implementation;

/// The fixtures share nothing.
pub(crate) struct App;

#[tokio::main]
async fn main() -> ExitCode {
    let server = Implementation::new("conformance-server", env!("CARGO_PKG_VERSION"));
    let features = Features::new(server, tools::add_to(Catalog::new()), App);
    chassis::exit_code(run::serve(features).await)
}

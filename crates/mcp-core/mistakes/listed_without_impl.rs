//! What is in the list is no tool.
//
// says: `Roll` is not a tool
// says: derive `Deserialize` and `JsonSchema` for `Roll`, then implement `Tool<App>`

use mcp_core::Catalog;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Roll {
    sides: u8,
}

fn main() {
    let _ = Catalog::<()>::new().tool::<Roll>();
}

//! A tool says that it returns one thing, and returns another.
//
// says: expected `Result<String, ToolError>`, found `Result<u8, ToolError>`

use mcp_core::{Ctx, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Roll {
    sides: u8,
}

impl Tool<()> for Roll {
    const NAME: &'static str = "roll";
    type Output = String;

    async fn call(self, _: &Ctx<()>) -> Result<u8, ToolError> {
        Ok(self.sides)
    }
}

fn main() {}

//! A tool returns what is no output.
//
// says: `u8` cannot be a tool's output
// says: use `String`, `Json<T>`, `Vec<ContentBlock>` or `CallToolResult`

use mcp_core::{Ctx, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Roll {
    sides: u8,
}

impl Tool<()> for Roll {
    const NAME: &'static str = "roll";
    type Output = u8;

    async fn call(self, _: &Ctx<()>) -> Result<u8, ToolError> {
        Ok(self.sides)
    }
}

fn main() {}

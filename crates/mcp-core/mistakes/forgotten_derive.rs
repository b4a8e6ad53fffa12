//! The arguments of a tool derive nothing.
//
// says: consider adding `#[derive(serde::Deserialize)]` to your `Roll` type
// says: the trait `schemars::JsonSchema` is not implemented for `Roll`
// says: required by a bound in `Tool`

use mcp_core::{Ctx, Tool, ToolError};

struct Roll {
    sides: u8,
}

impl Tool<()> for Roll {
    const NAME: &'static str = "roll";
    type Output = String;

    async fn call(self, _: &Ctx<()>) -> Result<String, ToolError> {
        Ok(self.sides.to_string())
    }
}

fn main() {}

//! A fork in forty lines: the same infrastructure, one tool of its own.

use std::process::ExitCode;

use mcp_core::{Catalog, Ctx, Features, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::Implementation;

/// Rolls a die
#[derive(Deserialize, JsonSchema)]
struct Roll {
    /// How many sides it has
    #[schemars(range(min = 2, max = 100))]
    sides: u8,
}

impl Tool<()> for Roll {
    const NAME: &'static str = "roll";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Roll a die").read_only().closed_world()
    }

    async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
        let random = u64::from_le_bytes(ctx.entropy().bytes());
        Ok(format!("{}", random % u64::from(self.sides) + 1))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let server = Implementation::new("minimal-fork", env!("CARGO_PKG_VERSION"));
    let features = Features::new(server, Catalog::new().tool::<Roll>(), ());
    chassis::exit_code(mcp_server::run::serve(features).await)
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_die_has_as_many_sides_as_it_was_given() {
        let arguments = json!({ "sides": 2 });
        let catalog = || Catalog::new().tool::<Roll>();
        let result = both_eras(catalog, || (), "roll", arguments, []).await;
        assert!(["1", "2"].contains(&result["content"][0]["text"].as_str().unwrap()));
    }
}

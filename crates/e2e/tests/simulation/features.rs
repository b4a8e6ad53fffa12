//! What the simulated servers offer: tools whose every word says whose it is.

use std::time::Duration;

use ambient::Env;
use mcp_core::{Announced, Catalog, Change, Ctx, Features, ReadError, Resource, Tool, ToolError};
use mcp_server::{Config, Parts, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{Implementation, ResourceContents};

use crate::instance::Make;

struct App;

/// Counts, and says so at each step.
#[derive(Deserialize, JsonSchema)]
struct Count {
    /// Whose count it is.
    call: String,
    /// How far.
    steps: u32,
    /// Milliseconds between two steps.
    pause: u64,
}

impl Tool<App> for Count {
    const NAME: &'static str = "count";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        for step in 1..=self.steps {
            ctx.clock().sleep(Duration::from_millis(self.pause)).await;
            ctx.progress(f64::from(step), f64::from(self.steps), &self.call).await;
        }
        Ok(self.call)
    }
}

/// Asks for a word and gives it back.
#[derive(Deserialize, JsonSchema)]
struct Ask {
    /// Whose question it is.
    call: String,
}

/// The word.
#[derive(Deserialize, JsonSchema)]
struct Word {
    /// The word.
    word: String,
}

impl Tool<App> for Ask {
    const NAME: &'static str = "ask";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let word: Word = ctx.elicit("word", &self.call).await?.accepted()?;
        Ok(word.word)
    }
}

/// Announces that a resource has changed.
#[derive(Deserialize, JsonSchema)]
struct Announce {
    /// Which.
    uri: String,
}

impl Tool<App> for Announce {
    const NAME: &'static str = "announce";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.announce(Change::Resource(self.uri.clone())).await;
        Ok(self.uri)
    }
}

/// Can be watched.
#[derive(Deserialize, JsonSchema)]
struct Watched {}

impl Resource<App> for Watched {
    const URI: &'static str = "sim://watched";
    const NAME: &'static str = "watched";
    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(Self::URI, "text/plain", "content")])
    }
}

/// Makes instances of the MCP server.
pub(crate) fn make(clock: &ambient::Clock) -> Make {
    let clock = clock.clone();
    std::sync::Arc::new(move |store, entropy, lifecycle| {
        let env = Env::default()
            .with("BASE_URI", "http://mcp.example")
            .with("METRICS_ADDR", "off")
            .with("MCP_STATE_KEY", &"5a".repeat(32))
            .with("MCP_AUTH", "none")
            .with("MCP_AUTH_I_KNOW", "none");
        let config = Config::from_env(&env).0.expect("the settings are right");
        let catalog =
            Catalog::new().tool::<Count>().tool::<Ask>().tool::<Announce>().resource::<Watched>();
        let announced = Announced { resource_updates: true, ..Announced::default() };
        let features = Features::new(Implementation::new("simulation", "1"), catalog, App);
        let (clock, lifecycle) = (clock.clone(), lifecycle.clone());
        let parts = Parts { clock, entropy, store, lifecycle };
        let server = Server::new(config, features.announcing(announced), parts);
        server.expect("it can be made").app()
    })
}

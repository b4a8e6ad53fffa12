//! A server on a real socket, with a clock that stands still and features that misbehave on demand.

use std::{collections::BTreeSet, time::Duration};

use ambient::{Clock, Entropy, Env, Timestamp};
use chassis::{Lifecycle, Limits, telemetry::Telemetry};
use mcp_core::{
    Announced, Catalog, Change, Ctx, Features, Info, ReadError, Resource, Rhythm, Skill, Told,
    Tool, ToolError,
};
use mcp_server::{Config, Parts, Server, run};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::mcp::{Implementation, LogLevel, LogParams, ResourceContents, TaskSupport};
use store::Store;
use testkit::rpc::{Modern, Opening, Session};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// What the features of these tests share: what happened to calls.
pub(crate) struct App {
    pub(crate) events: watch::Sender<Vec<&'static str>>,
}

/// Says back what it is told.
#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// What to say.
    message: String,
}

impl Tool<App> for Echo {
    const NAME: &'static str = "echo";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(self.message)
    }
}

/// Says how far it is, twice.
#[derive(Deserialize, JsonSchema)]
struct Report {}

impl Tool<App> for Report {
    const NAME: &'static str = "report";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.progress(1.0, 2.0, "half").await;
        ctx.progress(2.0, 2.0, "whole").await;
        Ok("done".to_owned())
    }
}

/// Asks for a name.
#[derive(Deserialize, JsonSchema)]
struct Ask {}

/// Who is it?
#[derive(Deserialize, JsonSchema)]
struct Who {
    /// The name.
    name: String,
}

impl Tool<App> for Ask {
    const NAME: &'static str = "ask";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let who: Who = ctx.elicit("who", "Who is it?").await?.accepted()?;
        Ok(format!("Hello, {}!", who.name))
    }
}

/// Stays for a minute, and tells what became of it.
#[derive(Deserialize, JsonSchema)]
struct Stay {}

/// Tells that a call has ended without its result.
struct Ended<'a>(&'a App, &'static str);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.events.send_modify(|events| events.push(self.1));
    }
}

impl Tool<App> for Stay {
    const NAME: &'static str = "stay";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let mut ended = Ended(ctx.app(), "dropped");
        ctx.app().events.send_modify(|events| events.push("started"));
        ctx.clock().sleep(Duration::from_mins(1)).await;
        ended.1 = "finished";
        Ok("stayed".to_owned())
    }
}

/// Lets the connection go and says more afterwards.
#[derive(Deserialize, JsonSchema)]
struct Leave {}

impl Tool<App> for Leave {
    const NAME: &'static str = "leave";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.let_go().await;
        ctx.progress(1.0, 1.0, "away").await;
        Ok("came back".to_owned())
    }
}

/// Says something, waits for a minute, and says something else.
#[derive(Deserialize, JsonSchema)]
struct Pause {}

impl Tool<App> for Pause {
    const NAME: &'static str = "pause";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.progress(1.0, 2.0, "before").await;
        ctx.clock().sleep(Duration::from_mins(1)).await;
        ctx.progress(2.0, 2.0, "after").await;
        Ok("paused".to_owned())
    }
}

/// Takes ten seconds, as a task if it can.
#[derive(Deserialize, JsonSchema)]
struct Job {}

impl Tool<App> for Job {
    const NAME: &'static str = "job";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        let mut ended = Ended(ctx.app(), "dropped");
        ctx.app().events.send_modify(|events| events.push("started"));
        ctx.clock().sleep(Duration::from_secs(10)).await;
        // Whoever follows a task hears of it in other ways.
        ctx.progress(1.0, 1.0, "almost").await;
        ended.1 = "finished";
        Ok("done".to_owned())
    }
}

/// Takes longer than a call may, as a task if it can.
#[derive(Deserialize, JsonSchema)]
struct Endure {}

impl Tool<App> for Endure {
    const NAME: &'static str = "endure";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        let mut ended = Ended(ctx.app(), "dropped");
        ctx.app().events.send_modify(|events| events.push("started"));
        ctx.clock().sleep(Duration::from_hours(1)).await;
        ended.1 = "finished";
        Ok("done".to_owned())
    }
}

/// Is done as a task only.
#[derive(Deserialize, JsonSchema)]
struct Chore {}

impl Tool<App> for Chore {
    const NAME: &'static str = "chore";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Required)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        Ok("done".to_owned())
    }
}

/// Asks for a name, as a task if it can.
#[derive(Deserialize, JsonSchema)]
struct AskLater {}

impl Tool<App> for AskLater {
    const NAME: &'static str = "ask-later";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        let who: Who = ctx.elicit("who", "Who is it?").await?.accepted()?;
        Ok(format!("Hello, {}!", who.name))
    }
}

/// Panics.
#[derive(Deserialize, JsonSchema)]
struct Crash {}

impl Tool<App> for Crash {
    const NAME: &'static str = "crash";
    type Output = String;
    fn info(info: Info) -> Info {
        info.title("Crash")
    }
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        panic!("as it should")
    }
}

/// Is asked for in a header, too.
#[derive(Deserialize, JsonSchema)]
struct Place {
    /// Where.
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
}

impl Tool<App> for Place {
    const NAME: &'static str = "place";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(self.region)
    }
}

/// Needs scopes of its own.
#[derive(Deserialize, JsonSchema)]
struct Vault {}

impl Tool<App> for Vault {
    const NAME: &'static str = "vault";
    type Output = String;
    fn info(info: Info) -> Info {
        info.scope("vault:read").scope("vault:open")
    }
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok("treasure".to_owned())
    }
}

/// Announces that the tools and a resource have changed.
#[derive(Deserialize, JsonSchema)]
struct Announce {}

impl Tool<App> for Announce {
    const NAME: &'static str = "announce";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.announce(Change::Tools).await;
        ctx.announce(Change::Resource(Watched::URI.to_owned())).await;
        Ok("announced".to_owned())
    }
}

/// Tells of everything that is watched, and who hears log messages that it beats, every ten seconds.
struct Drum;

impl Rhythm for Drum {
    const NAME: &'static str = "drum";
    const EVERY: Duration = Duration::from_secs(10);
    const LASTS: Duration = Duration::from_mins(10);
    fn beat(watched: &BTreeSet<String>, _: &Entropy) -> Vec<Told> {
        let beat = LogParams { level: LogLevel::Notice, logger: None, data: json!("boom") };
        watched.iter().cloned().map(Told::Updated).chain([Told::Log(beat)]).collect()
    }
}

/// Switches the drum on or off.
#[derive(Deserialize, JsonSchema)]
struct Toggle {}

impl Tool<App> for Toggle {
    const NAME: &'static str = "toggle";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        Ok(ctx.rhythm::<Drum>().toggle().await?.to_string())
    }
}

/// Can be watched.
#[derive(Deserialize, JsonSchema)]
struct Watched {}

impl Resource<App> for Watched {
    const URI: &'static str = "test://watched";
    const NAME: &'static str = "watched";
    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(Self::URI, "text/plain", "content")])
    }
}

fn catalog() -> Catalog<App> {
    Catalog::new()
        .tool::<Echo>()
        .tool::<Report>()
        .tool::<Ask>()
        .tool::<Stay>()
        .tool::<Leave>()
        .tool::<Pause>()
        .tool::<Job>()
        .tool::<Endure>()
        .tool::<AskLater>()
        .tool::<Chore>()
        .tool::<Crash>()
        .tool::<Announce>()
        .tool::<Place>()
        .tool::<Toggle>()
        .rhythm::<Drum>()
        .tool::<Vault>()
        .resource::<Watched>()
        .skill(knots())
}

/// Has a file and a directory.
fn knots() -> Skill {
    Skill::at("test/knots")
        .file("SKILL.md", b"---\nname: knots\ndescription: Ties knots.\n---\nSee rope/.\n")
        .file("rope/bowline.md", b"Around the tree.\n")
}

/// A server that listens.
pub(crate) struct World {
    pub(crate) base: String,
    /// Where it listens itself, which is not the public URL if that is a setting.
    pub(crate) address: String,
    pub(crate) clock: Clock,
    pub(crate) server: Server,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) telemetry: Telemetry,
    told: watch::Sender<Vec<&'static str>>,
    events: watch::Receiver<Vec<&'static str>>,
    // Serves until it is dropped.
    _serving: JoinSet<()>,
}

/// A server without authorization, state in memory.
pub(crate) async fn world() -> World {
    let (store, clock) = still();
    instance(&store, clock, &[("MCP_AUTH", "none")]).await
}

/// A store in memory, and its clock, which stands still.
pub(crate) fn still() -> (Store, Clock) {
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    (Store::memory(clock.clone()), clock)
}

/// A server with these settings, on a store that others may use too.
pub(crate) async fn instance(store: &Store, clock: Clock, settings: &[(&str, &str)]) -> World {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let given = settings.iter().find(|(name, _)| *name == "BASE_URI");
    let base = given.map_or_else(|| address.clone(), |(_, base)| (*base).to_owned());
    let mut env = Env::default().with("BASE_URI", &base).with("METRICS_ADDR", "off");
    for (name, value) in settings {
        env = env.with(name, value);
    }
    let config = Config::from_env(&env).0.unwrap();
    let lifecycle = Lifecycle::new(clock.clone(), Duration::from_secs(5));
    let sender = watch::Sender::new(Vec::new());
    let told = sender.clone();
    let events = sender.subscribe();
    let features =
        Features::new(Implementation::new("test", "1"), catalog(), App { events: sender })
            .announcing(Announced { tools: true, resource_updates: true, ..Announced::default() });
    let parts = Parts {
        clock: clock.clone(),
        entropy: Entropy::system(),
        store: store.clone(),
        lifecycle: lifecycle.clone(),
    };
    let telemetry = Telemetry::new(run::SERVICE, &config.telemetry, &parts.entropy).unwrap();
    let server = Server::observed(config, features, parts, telemetry.clone()).unwrap();
    let (app, stop) = (server.app(), lifecycle.clone());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        chassis::serve(listener, app, Limits::default(), &stop).await.unwrap();
    });
    World { base, address, clock, server, lifecycle, telemetry, told, events, _serving: serving }
}

/// Two instances on one store.
pub(crate) async fn two() -> (World, World) {
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let store = Store::memory(clock.clone());
    let settings = [("MCP_AUTH", "none")];
    (instance(&store, clock.clone(), &settings).await, instance(&store, clock, &settings).await)
}

impl World {
    pub(crate) fn endpoint(&self) -> String {
        format!("{}/mcp", self.base)
    }

    pub(crate) fn modern(&self) -> Modern {
        Modern::new(&self.endpoint())
    }

    pub(crate) fn opening(&self) -> Opening {
        Session::opening(&self.endpoint())
    }

    pub(crate) async fn session(&self) -> Session {
        self.opening().open().await
    }

    /// Forgets what calls have told so far.
    pub(crate) fn forget(&self) {
        self.told.send_modify(Vec::clear);
    }

    /// Whether a call has told this.
    pub(crate) fn has_happened(&self, event: &str) -> bool {
        self.events.borrow().contains(&event)
    }

    /// Waits until a call has told this.
    pub(crate) async fn happened(&mut self, event: &str) {
        let wait = self.events.wait_for(|events| events.contains(&event));
        testkit::within(testkit::PATIENCE, wait).await.unwrap();
    }
}

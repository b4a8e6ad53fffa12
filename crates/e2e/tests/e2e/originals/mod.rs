//! The running catalogue beside the originals: every item that they list and every answer of theirs
//! that was recorded. A difference has a reason, by its exact place, or is a mistake; a reason that
//! no difference needs any more is a mistake as well.

mod answers;
mod compare;
mod listings;
mod tasks;

use std::{fs, path::Path};

use ambient::Clock;
use e2e::{Backend, Setup, World};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::mcp::TASKS_EXTENSION;
use testkit::rpc::{Modern, Script, Session};

/// A file of `tests/originals`.
fn recorded<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/originals").join(name);
    let text = fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("it is what it should be")
}

/// A server with everything that the originals have, and the token of somebody.
async fn world(clock: Clock) -> (World, String) {
    let setup = Setup::new(Backend::Memory)
        .clock(clock)
        .setting("MCP_TOOLSETS", "everything,calculator,apps,fetch,diagnostics")
        .setting("PRINT_ENV_PREFIXES", "DEMO_");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let token = alice.access().to_owned();
    (world, token)
}

/// What a client that can everything says of itself.
fn capabilities() -> Value {
    let tasks = json!({ "requests": { "sampling": { "createMessage": {} }, "elicitation": { "create": {} } } });
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {}, "tasks": tasks })
}

/// A session of such a client.
async fn session_in(world: &World, token: &str, script: Script) -> Session {
    world.session(token).capabilities(capabilities()).script(script).open().await
}

/// Such a client without sessions.
fn modern_in(world: &World, token: &str, script: Script) -> Modern {
    let able = json!({
        "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {},
        "extensions": { TASKS_EXTENSION: {} },
    });
    world.modern(token).capabilities(able).script(script)
}

async fn session(script: Script) -> (World, Session) {
    let (world, token) = world(Clock::system()).await;
    let session = session_in(&world, &token, script).await;
    (world, session)
}

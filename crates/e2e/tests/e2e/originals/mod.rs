//! The running catalogue beside the originals: every item that they list and every answer of theirs
//! that was recorded. A difference has a reason here, or is a mistake; a reason that no difference
//! needs any more is a mistake as well.

mod answers;
mod listings;

use std::{fs, path::Path};

use e2e::{Backend, Setup, World};
use serde::de::DeserializeOwned;
use serde_json::json;
use testkit::rpc::{Script, Session};

/// A file of `tests/originals`.
fn recorded<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/originals").join(name);
    let text = fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("it is what it should be")
}

/// A server with everything that the originals have, and a session of a client that can everything.
async fn session(script: Script) -> (World, Session) {
    let setup = Setup::new(Backend::Memory)
        .setting("MCP_TOOLSETS", "everything,calculator,apps,fetch,diagnostics")
        .setting("PRINT_ENV_PREFIXES", "DEMO_");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let tasks = json!({ "requests": { "sampling": { "createMessage": {} }, "elicitation": { "create": {} } } });
    let capabilities = json!({
        "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {}, "tasks": tasks
    });
    let opening = world.session(alice.access()).capabilities(capabilities).script(script);
    let session = opening.open().await;
    (world, session)
}

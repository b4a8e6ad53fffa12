//! What several promises need: a moment, a person who answers, and a sign of life.

use ambient::{Clock, Timestamp};
use e2e::World;
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::{
    PATIENCE, eventually,
    http::{Answer, Http},
    rpc::{Script, Session},
};

/// The revisions with sessions.
pub(crate) const WITH_SESSIONS: [Revision; 3] =
    [Revision::V2025_11_25, Revision::V2025_06_18, Revision::V2025_03_26];

/// A clock that stands still.
pub(crate) fn standing() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

/// The parameters of a call that asks the user to fill in a form.
pub(crate) fn asking() -> Value {
    json!({ "name": "elicitation-request", "arguments": {} })
}

/// What a client says that can show forms.
pub(crate) fn forms() -> Value {
    json!({ "elicitation": {} })
}

/// A form that was filled in with a name.
pub(crate) fn filled_in(name: &str) -> Value {
    json!({ "action": "accept", "content": { "name": name } })
}

/// A person who fills in every form.
pub(crate) fn person(name: &'static str) -> Script {
    Script::default().on("elicitation/create", move |_| filled_in(name))
}

/// The name that the tool has got as an answer.
pub(crate) fn told_name(result: &Value) -> &str {
    let told = result["content"][2]["text"].as_str().expect("the tool tells what it was told");
    told.split(r#""name": ""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(told)
}

/// A session of the newest revision that has them.
pub(crate) async fn session(world: &World, token: &str) -> Session {
    world.session(token).capabilities(forms()).open().await
}

/// Redeems a code, or anything else, at whoever has this token endpoint.
pub(crate) async fn redeem(http: &Http, form: &[(&'static str, String)]) -> Answer {
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    http.post_form("/token", &form).await
}

/// A call of either era, of its own session if it is the era of sessions.
pub(crate) async fn works(world: &World, token: &str) {
    let hi = json!({ "message": "hi" });
    let modern = world.modern(token).tool("echo", hi.clone()).await.expect(200);
    assert_eq!(modern.content_text(), "Echo: hi");
    let legacy = session(world, token).await.tool("echo", hi).await.expect(200);
    assert_eq!(legacy.content_text(), "Echo: hi");
}

/// Somebody new can log in and be served: whatever happened has harmed nobody.
pub(crate) async fn still_works(world: &World) {
    works(world, world.login("carol").await.access()).await;
}

/// Waits until a call without a session is answered with this status.
pub(crate) async fn becomes(world: &World, token: &str, status: u16) {
    eventually(PATIENCE, || async {
        let reply = world.modern(token).call("tools/list", json!({})).await;
        (reply.status.as_u16() == status).then_some(())
    })
    .await;
}

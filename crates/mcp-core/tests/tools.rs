//! What a tool is promised by the dispatcher, over a client that answers at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use ambient::{Clock, Entropy, Timestamp};
use futures_util::future::BoxFuture;
use mcp_core::{
    Argument, Call, Catalog, Ctx, Features, Info, Json, Lent, ListCtx, NoFeed, Principal,
    ReadError, Refusal, Resource, Suggestions, Tool, ToolError,
    flow::{AskError, Client, NoSteps, Peer, Steps},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::mcp::{
    ClientProfile, ClientRequest, Icon, Implementation, InputRequest, LogLevel, Method, Params,
    ProgressToken, Resource as Listed, ResourceContents, Revision, ServerNotification,
};
use tokio_util::sync::CancellationToken;

/// A client that answers from a list and keeps what it is told.
struct Scripted {
    peer: Peer,
    answers: Mutex<VecDeque<Value>>,
    asked: Mutex<Vec<InputRequest>>,
    told: Mutex<Vec<Value>>,
}

impl Client for Scripted {
    fn ask<'a>(
        &'a self,
        _: &'a str,
        question: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        self.asked.lock().unwrap().push(question.clone());
        let answer = self.answers.lock().unwrap().pop_front().ok_or(AskError::Disconnected);
        Box::pin(std::future::ready(answer))
    }
    fn discard(&self, _: &str) {}
    fn steps(&self) -> &dyn Steps {
        &NoSteps
    }
    fn notify(&self, note: ServerNotification) -> BoxFuture<'_, ()> {
        self.told.lock().unwrap().push(serde_json::to_value(note).unwrap());
        Box::pin(std::future::ready(()))
    }
    fn peer(&self) -> &Peer {
        &self.peer
    }
}

fn client(revision: Revision, answers: impl IntoIterator<Item = Value>) -> Scripted {
    let capabilities = serde_json::from_value(json!({ "elicitation": { "form": {} } })).unwrap();
    let profile = ClientProfile { revision, capabilities, info: None };
    Scripted {
        peer: Peer { profile, progress_token: None, log_level: None },
        answers: Mutex::new(answers.into_iter().collect()),
        asked: Mutex::default(),
        told: Mutex::default(),
    }
}

fn latest() -> Scripted {
    client(Revision::V2025_11_25, [])
}

/// Sends one request, as `principal`.
async fn send(
    client: &Arc<Scripted>,
    principal: Principal,
    method: Method,
    params: Value,
) -> Result<Value, Refusal> {
    let request = ClientRequest::decode(method, Some(&Params::from(&params))).unwrap();
    let call = Call {
        client: client.clone(),
        principal: Arc::new(principal),
        clock: Clock::manual(Timestamp::from_secs(0)),
        entropy: Entropy::seeded(1),
        changes: Arc::new(NoFeed),
        lent: Lent::default(),
        cancelled: CancellationToken::new(),
    };
    let result = features().dispatch(request, call).await?;
    Ok(serde_json::to_value(result).unwrap())
}

async fn call(client: Scripted, tool: &str, arguments: Value) -> Result<Value, Refusal> {
    let params = json!({ "name": tool, "arguments": arguments });
    send(&Arc::new(client), Principal::anonymous(), Method::CallTool, params).await
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

/// Has demands that only its schema shows.
#[derive(Deserialize, JsonSchema)]
struct Paint {
    #[serde(default, alias = "colours")]
    #[schemars(length(max = 2))]
    colors: Vec<Color>,
}

#[derive(Deserialize, JsonSchema)]
struct Color {
    #[schemars(range(min = 1, max = 100))]
    strength: f64,
}

impl Tool<()> for Paint {
    const NAME: &'static str = "paint";
    type Output = String;
    fn info(info: Info) -> Info {
        let src = "data:image/svg+xml,<svg/>".to_owned();
        info.alias("colour_in").icon(Icon::new(src))
    }
    async fn call(self, _: &Ctx<()>) -> Result<String, ToolError> {
        Ok(self.colors.iter().fold(0.0, |sum, color| sum + color.strength).to_string())
    }
}

/// How many?
#[derive(Deserialize, JsonSchema)]
struct Count {
    #[schemars(range(min = 1, max = 3))]
    count: u8,
}

/// Asks how many.
#[derive(Deserialize, JsonSchema)]
struct Ask {}

impl Tool<()> for Ask {
    const NAME: &'static str = "ask";
    type Output = String;
    async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
        Ok(ctx.elicit::<Count>("count", "How many?").await?.accepted()?.count.to_string())
    }
}

/// Fails with an error of somebody else.
#[derive(Deserialize, JsonSchema)]
struct Fail {}

impl Tool<()> for Fail {
    const NAME: &'static str = "fail";
    type Output = String;
    async fn call(self, _: &Ctx<()>) -> Result<String, ToolError> {
        Ok("secret".parse::<u8>()?.to_string())
    }
}

/// Talks before it ends.
#[derive(Deserialize, JsonSchema)]
struct Talk {}

impl Tool<()> for Talk {
    const NAME: &'static str = "talk";
    type Output = String;
    async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
        ctx.progress(1.0, 2.0, "half").await;
        for step_back in [1.0, 0.5, f64::NAN] {
            ctx.progress(step_back, 2.0, "is not told").await;
        }
        for no_total in [None, Some(f64::INFINITY)] {
            ctx.progress(no_total.map_or(2.0, |_| 3.0), no_total, "of nobody knows what").await;
        }
        ctx.log(LogLevel::Debug, None, json!("small")).await;
        ctx.log(LogLevel::Error, Some("talk"), json!("large")).await;
        Ok(String::new())
    }
}

/// Is not for everybody.
#[derive(Deserialize, JsonSchema)]
struct Guarded {}

#[derive(Serialize, JsonSchema)]
struct Answer {
    #[serde(rename(serialize = "theAnswer"))]
    answer: u8,
}

impl Tool<()> for Guarded {
    const NAME: &'static str = "guarded";
    type Output = Json<Answer>;
    fn info(info: Info) -> Info {
        info.scope("secrets:read")
    }
    async fn call(self, _: &Ctx<()>) -> Result<Json<Answer>, ToolError> {
        Ok(Json(Answer { answer: 42 }))
    }
}

/// Panics before there is anything to await.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "never read")]
struct Crash {
    id: String,
}

impl Resource<()> for Crash {
    const URI: &'static str = "test://crash/{id}";
    const NAME: &'static str = "crash";
    async fn read(self, _: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        Err(ReadError::NotFound)
    }
    fn list(_: &ListCtx<()>) -> impl Future<Output = Vec<Listed>> + Send {
        crash();
        async { Vec::new() }
    }
    fn complete(_: &ListCtx<()>, _: Argument<'_>) -> impl Future<Output = Suggestions> + Send {
        crash();
        async { Suggestions::default() }
    }
}

fn crash() {
    panic!("as it should");
}

fn features() -> Features {
    let catalog = Catalog::new()
        .tool::<Paint>()
        .tool::<Ask>()
        .tool::<Fail>()
        .tool::<Talk>()
        .tool::<Guarded>()
        .resource::<Crash>();
    Features::new(Implementation::new("test", "1"), catalog, ())
}

#[tokio::test]
async fn demands_of_the_schema_hold_inside_lists() {
    let result = call(latest(), "paint", json!({ "colors": [{ "strength": 101 }] })).await.unwrap();
    assert_eq!(result["isError"], true);
    assert!(text(&result).contains("`colors.0.strength`"), "{result}");
    let many = json!({ "colors": [{ "strength": 1 }, { "strength": 1 }, { "strength": 1 }] });
    assert_eq!(call(latest(), "paint", many).await.unwrap()["isError"], true);
}

#[tokio::test]
async fn older_revisions_are_refused_what_does_not_fit() {
    for arguments in [json!({ "colors": [{ "strength": 101 }] }), json!({ "colors": 5 })] {
        let refused = call(client(Revision::V2025_06_18, []), "paint", arguments).await;
        assert!(matches!(&refused, Err(Refusal::InvalidParams(m)) if m.contains("`colors")));
    }
}

#[tokio::test]
async fn arguments_may_be_absent_or_have_an_older_name() {
    let client = Arc::new(latest());
    let absent = json!({ "name": "paint" });
    let result = send(&client, Principal::anonymous(), Method::CallTool, absent).await.unwrap();
    assert_eq!(text(&result), "0");
    let older = json!({ "colours": [{ "strength": 2 }] });
    assert_eq!(text(&call(latest(), "paint", older).await.unwrap()), "2");
}

#[tokio::test]
async fn an_alias_is_answered_and_not_listed() {
    assert_eq!(text(&call(latest(), "colour_in", json!({})).await.unwrap()), "0");
    let client = Arc::new(latest());
    let listed = send(&client, Principal::anonymous(), Method::ListTools, json!({})).await.unwrap();
    let names: Vec<&str> =
        listed["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["paint", "ask", "fail", "talk", "guarded"]);
    assert_eq!(listed["tools"][0]["icons"][0]["src"], "data:image/svg+xml,<svg/>");
    let unknown = call(latest(), "nobody", json!({})).await;
    assert_eq!(unknown, Err(Refusal::UnknownTool { name: "nobody".to_owned() }));
}

#[tokio::test]
async fn an_unknown_cursor_is_refused() {
    let params = json!({ "cursor": "x" });
    let refused =
        send(&Arc::new(latest()), Principal::anonymous(), Method::ListTools, params).await;
    assert!(matches!(refused, Err(Refusal::InvalidParams(_))));
}

fn count(count: u8) -> Value {
    json!({ "action": "accept", "content": { "count": count } })
}

#[tokio::test]
async fn an_answer_outside_the_form_is_asked_for_again_three_times_at_the_most() {
    let mended = client(Revision::V2025_11_25, [count(9), count(3)]);
    assert_eq!(text(&call(mended, "ask", json!({})).await.unwrap()), "3");
    let hopeless = client(Revision::V2025_11_25, [count(0), count(4), count(9), count(1)]);
    let result = call(hopeless, "ask", json!({})).await.unwrap();
    assert_eq!(result["isError"], true);
    let bound = "value is greater than the maximum of 3";
    let expected = format!("the client gave no usable answer to `count`: `count`: {bound}");
    assert_eq!(text(&result), expected);
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_told_so_and_not_asked() {
    let mut silent = client(Revision::V2025_06_18, [count(1)]);
    silent.peer.profile.capabilities.elicitation = None;
    let silent = Arc::new(silent);
    let params = json!({ "name": "ask" });
    let result = send(&silent, Principal::anonymous(), Method::CallTool, params).await.unwrap();
    assert_eq!(result["isError"], true);
    let expected = "the client cannot be asked this: it would have to declare `elicitation`";
    assert_eq!(text(&result), expected);
    assert!(silent.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn any_other_error_is_internal_and_stays_inside() {
    assert_eq!(call(latest(), "fail", json!({})).await, Err(Refusal::Internal));
}

#[tokio::test]
async fn nobody_is_told_what_they_did_not_ask_for() {
    let silent = Arc::new(latest());
    let params = json!({ "name": "talk" });
    send(&silent, Principal::anonymous(), Method::CallTool, params.clone()).await.unwrap();
    assert!(silent.told.lock().unwrap().is_empty());
    let mut curious = latest();
    curious.peer.progress_token = Some(ProgressToken::String("t".to_owned()));
    curious.peer.log_level = Some(LogLevel::Warning);
    let curious = Arc::new(curious);
    send(&curious, Principal::anonymous(), Method::CallTool, params).await.unwrap();
    let told = curious.told.lock().unwrap();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0]["params"]["progressToken"], "t");
    assert_eq!(told[3]["params"]["data"], "large");
}

#[tokio::test]
async fn progress_only_grows() {
    let mut curious = latest();
    curious.peer.progress_token = Some(ProgressToken::String("t".to_owned()));
    let curious = Arc::new(curious);
    let params = json!({ "name": "talk" });
    send(&curious, Principal::anonymous(), Method::CallTool, params).await.unwrap();
    let told = curious.told.lock().unwrap();
    let number = |note: &Value, member: &str| note["params"][member].as_f64();
    let steps =
        told.iter().filter_map(|note| Some((number(note, "progress")?, number(note, "total"))));
    assert_eq!(steps.collect::<Vec<_>>(), [(1.0, Some(2.0)), (2.0, None), (3.0, None)]);
}

#[tokio::test]
async fn a_tool_with_a_scope_runs_for_those_who_have_it() {
    let guarded = json!({ "name": "guarded" });
    let alice = Principal { user: Some("alice".to_owned()), ..Principal::anonymous() };
    let with_scope = Principal { scopes: ["secrets:read".to_owned()].into(), ..alice.clone() };
    for (caller, allowed) in [(alice, false), (with_scope, true), (Principal::anonymous(), true)] {
        let result =
            send(&Arc::new(latest()), caller, Method::CallTool, guarded.clone()).await.unwrap();
        assert_eq!(result["structuredContent"].is_object(), allowed, "{result}");
        assert_eq!(text(&result).contains("`secrets:read`"), !allowed);
    }
    let request = Params::from(&guarded);
    let request = ClientRequest::decode(Method::CallTool, Some(&request)).unwrap();
    assert_eq!(features().required_scopes(&request), ["secrets:read"]);
}

#[tokio::test]
async fn a_structured_result_keeps_to_its_schema() {
    let client = Arc::new(latest());
    let listed = send(&client, Principal::anonymous(), Method::ListTools, json!({})).await.unwrap();
    let result = call(latest(), "guarded", json!({})).await.unwrap();
    let schema = &listed["tools"][4]["outputSchema"];
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&schema["properties"]), names(&result["structuredContent"]));
}

#[tokio::test]
async fn a_panic_before_the_first_await_is_a_refusal_as_well() {
    let client = Arc::new(latest());
    let listed = send(&client, Principal::anonymous(), Method::ListResources, json!({})).await;
    assert_eq!(listed, Err(Refusal::Internal));
    let params = json!({
        "ref": { "type": "ref/resource", "uri": "test://crash/{id}" },
        "argument": { "name": "id", "value": "" },
    });
    let completed = send(&client, Principal::anonymous(), Method::Complete, params).await;
    assert_eq!(completed, Err(Refusal::Internal));
}

//! The application around the official Rust SDK: a person, a model, a folder, and what it was told.
//! And its walk through the catalogue, which is the same for every transport.
#![expect(deprecated, reason = "the SDK marks what only sessions have, and sessions are served")]

use std::collections::BTreeSet;

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient,
    model::{
        CallToolRequestParams, ClientConfig, CompleteRequestParams, CreateMessageRequestParams,
        CreateMessageResult, ElicitRequestParams, ElicitResult, GetPromptRequestParams,
        Implementation, ListRootsResult, LoggingMessageNotificationParam,
        ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
        ResourceUpdatedNotificationParam,
    },
    service::{NotificationContext, RequestContext, RunningService},
    transport::Transport,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::mcp::{Era, Revision};
use testkit::{PATIENCE, within};
use tokio::sync::watch;

use crate::recorded::Recorded;

/// What an application was told without asking.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Progress(f64),
    Log,
    Updated(String),
}

/// A person who fills in forms, a model that adds, and a folder.
pub(crate) struct App {
    revision: Revision,
    told: watch::Sender<Vec<Told>>,
}

pub(crate) type Connected = RunningService<RoleClient, App>;

/// What is written in JSON, as the SDK has it.
#[track_caller]
pub(crate) fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the SDK reads it")
}

pub(crate) fn json_of(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("it is JSON")
}

fn version(revision: Revision) -> ProtocolVersion {
    of(json!(revision.as_str()))
}

impl App {
    pub(crate) fn speaking(revision: Revision) -> Self {
        Self { revision, told: watch::Sender::default() }
    }

    /// Meets a server by the way of its revision: `initialize`, or `server/discover`.
    pub(crate) async fn connect<E: std::error::Error + Send + Sync + 'static>(
        self,
        transport: impl Transport<RoleClient, Error = E> + 'static,
    ) -> Connected {
        let (revision, newest) = (self.revision, version(Revision::V2026_07_28));
        let way = match revision.era() {
            Era::Modern => ClientLifecycleMode::Discover { preferred_versions: vec![newest] },
            Era::Legacy => ClientLifecycleMode::Initialize,
        };
        // Boxed, because what the SDK does to connect is large.
        let connecting = Box::pin(self.serve_with_lifecycle(transport, way));
        let client = within(PATIENCE, connecting).await.expect("it connects");
        let spoken = client.peer_info().expect("it has met the server").protocol_version.clone();
        assert_eq!(spoken, version(revision));
        client
    }

    /// Waits until it was told this.
    pub(crate) async fn hears(&self, what: impl Fn(&Told) -> bool) {
        let mut told = self.told.subscribe();
        let heard = told.wait_for(|told| told.iter().any(&what));
        drop(within(PATIENCE, heard).await.expect("it is still there"));
    }
}

impl ClientHandler for App {
    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({
            "elicitation": { "form": {}, "url": {} },
            "sampling": { "tools": {} },
            "roots": { "listChanged": true },
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        });
        let info = Implementation::new("rmcp", "3.9");
        let config = ClientConfig::new(of(capabilities), info);
        config.with_protocol_version(version(self.revision))
    }

    async fn create_elicitation(
        &self,
        asked: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(of(match asked {
            ElicitRequestParams::UrlElicitationParams { .. } => json!({ "action": "accept" }),
            _ => json!({ "action": "accept", "content": { "name": "Ada" } }),
        }))
    }

    /// If it is lent tools it has something added before it answers, and says what it was told.
    async fn create_message(
        &self,
        asked: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let asked = json_of(asked);
        let told = &asked["messages"][2]["content"];
        let told = told.get(0).unwrap_or(told)["content"][0]["text"].as_str();
        let content = match (asked.get("tools"), told) {
            (Some(_), None) => {
                let input = json!({ "a": 2, "b": 3 });
                json!({ "type": "tool_use", "id": "1", "name": "add", "input": input })
            }
            (_, told) => json!({ "type": "text", "text": told.unwrap_or("stub reply") }),
        };
        Ok(of(json!({ "model": "stub", "role": "assistant", "content": content })))
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Ok(of(json!({ "roots": [{ "uri": "file:///tmp/demo", "name": "Demo" }] })))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.told.send_modify(|told| told.push(Told::Progress(params.progress)));
    }

    async fn on_logging_message(
        &self,
        _: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.told.send_modify(|told| told.push(Told::Log));
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.told.send_modify(|told| told.push(Told::Updated(params.uri)));
    }
}

/// Calls a tool and answers what it asks.
pub(crate) async fn call(client: &Connected, tool: &str, arguments: Value) -> Value {
    let params: CallToolRequestParams = of(json!({ "name": tool, "arguments": arguments }));
    json_of(within(PATIENCE, client.call_tool(params)).await.expect("a result"))
}

/// Everything that is listed, by name: called, made, read and completed, and held against what the
/// originals answered. Nothing that is listed is left out.
pub(crate) async fn walk(client: &Connected) {
    let revision = client.service().revision;
    let recorded = Recorded::read();
    for one in recorded.calls_in(revision) {
        let answer = within(PATIENCE, ask(client, &one.method, one.params.clone())).await;
        one.check(&answer);
    }
    Box::pin(history(client)).await;
    if revision.has_sampling_tools() {
        let asking = json!({ "prompt": "2 + 3?", "toolChoice": "auto" });
        let said = call(client, "sampling-request", asking).await;
        assert!(said.to_string().contains("The sum of 2 and 3 is 5."), "{said}");
    }
    let left_out = recorded.left_out_of(&listed(client).await);
    assert!(left_out.is_empty(), "{left_out:?}");
    let resources = client.list_all_resources().await.expect("resources");
    assert!(resources.len() > 100, "{}", resources.len());
}

async fn ask(client: &Connected, method: &str, params: Value) -> Value {
    match method {
        // Boxed, because what the SDK does to answer questions meanwhile is large.
        "tools/call" => {
            let params: CallToolRequestParams = of(params);
            json_of(Box::pin(client.call_tool(params)).await.expect("a result"))
        }
        "prompts/get" => {
            let params: GetPromptRequestParams = of(params);
            json_of(Box::pin(client.get_prompt(params)).await.expect("a prompt"))
        }
        "resources/read" => {
            let params: ReadResourceRequestParams = of(params);
            json_of(Box::pin(client.read_resource(params)).await.expect("a resource"))
        }
        "completion/complete" => {
            let params: CompleteRequestParams = of(params);
            json_of(client.complete(params).await.expect("suggestions"))
        }
        other => panic!("no way is known to ask {other}"),
    }
}

/// What was calculated is found under the id that the result tells.
async fn history(client: &Connected) {
    let made = call(client, "calculate", json!({ "a": 20, "b": 22, "op": "add" })).await;
    assert_eq!(made["content"][0]["text"], "20 add 22 = 42");
    let uri = "calculator://history";
    let all = ask(client, "resources/read", json!({ "uri": uri })).await;
    let all: Value = serde_json::from_str(all["contents"][0]["text"].as_str().expect("a text"))
        .expect("it is JSON");
    assert_eq!(all[0]["result"], 42.0);
    let uri = format!("{uri}/{}", all[0]["id"].as_str().expect("an id"));
    let one = ask(client, "resources/read", json!({ "uri": uri })).await;
    assert!(one["contents"][0]["text"].as_str().is_some_and(|text| text.contains("42")), "{one}");
    // One with a name is read as a whole, and its name is completed.
    let named = json!({ "a": 6, "b": 7, "op": "multiply", "history": "clients" });
    call(client, "calculate", named).await;
    let whole =
        ask(client, "resources/read", json!({ "uri": "calculator://histories/clients" })).await;
    assert!(whole["contents"][0]["text"].as_str().is_some_and(|text| text.contains("multiply")));
    let params = json!({
        "ref": { "type": "ref/resource", "uri": "calculator://histories/{history}" },
        "argument": { "name": "history", "value": "cli" },
    });
    let suggested = ask(client, "completion/complete", params).await;
    assert_eq!(suggested["completion"]["values"], json!(["clients"]), "{suggested}");
}

/// The names of all tools, prompts and families of resources.
async fn listed(client: &Connected) -> BTreeSet<String> {
    let tools = client.list_all_tools().await.expect("tools");
    let prompts = client.list_all_prompts().await.expect("prompts");
    let families = client.list_all_resource_templates().await.expect("families");
    assert!(tools.len() > 20 && prompts.len() > 10 && families.len() > 5);
    let tools = tools.into_iter().map(|tool| tool.name.into_owned());
    let prompts = prompts.into_iter().map(|prompt| prompt.name);
    let families = families.into_iter().map(|family| json_of(family)["uriTemplate"].take());
    let families = families.filter_map(|uri| uri.as_str().map(str::to_owned));
    tools.chain(prompts).chain(families).collect()
}

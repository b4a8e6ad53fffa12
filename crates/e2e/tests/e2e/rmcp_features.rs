//! The rest of what the official Rust SDK can: every question, resources, prompts, completion,
//! subscriptions, and in the newest revision tasks and skills.
#![expect(deprecated, reason = "the SDK marks what only sessions have, and sessions are served")]

use chassis::client::{Timeouts, http_client};
use e2e::{Setup, World};
use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient,
    model::{
        CallToolRequestParams, CallToolResponse, ClientConfig, CreateMessageRequestParams,
        CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction,
        GetPromptRequestParams, GetSkillRequestParams, GetTaskParams, Implementation,
        ListRootsResult, ProtocolVersion, ReadResourceDirectoryRequestParams,
        ReadResourceRequestParams, SetLevelRequestParams, SubscribeRequestParams,
        SubscriptionFilter, UnsubscribeRequestParams,
    },
    service::{RequestContext, RunningService},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use testkit::{PATIENCE, eventually, within};

use crate::support::filled_in;

on_both_stores![
    it_does_everything_in_the_newest_revision,
    it_does_everything_in_sessions_of_each_revision,
];

/// The application around the SDK: a person, a model, and a folder.
struct App(ProtocolVersion);

type Connected = RunningService<RoleClient, App>;

/// What is written in JSON, as the SDK has it.
fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the SDK reads it")
}

fn json_of(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("it is JSON")
}

impl ClientHandler for App {
    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({
            "elicitation": {}, "sampling": {}, "roots": {},
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        });
        let info = Implementation::new("rmcp", "3.9");
        ClientConfig::new(of(capabilities), info).with_protocol_version(self.0.clone())
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let content = filled_in("Ada")["content"].clone();
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let content = json!({ "type": "text", "text": "said the model" });
        Ok(of(json!({ "model": "m", "role": "assistant", "content": content })))
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Ok(of(json!({ "roots": [{ "uri": "file:///home", "name": "Home" }] })))
    }
}

async fn connect(
    world: &World,
    revision: &ProtocolVersion,
    lifecycle: ClientLifecycleMode,
) -> Connected {
    let alice = world.login("alice").await;
    let config = StreamableHttpClientTransportConfig::with_uri(world.endpoint());
    let config = config.auth_header(alice.access());
    let timeouts = Timeouts { connect: PATIENCE, total: PATIENCE };
    let http = http_client("rmcp", timeouts).expect("an HTTP client");
    let transport = StreamableHttpClientTransport::with_client(http, config);
    // Boxed, because what the SDK does to connect is large.
    let connecting = Box::pin(App(revision.clone()).serve_with_lifecycle(transport, lifecycle));
    within(PATIENCE, connecting).await.expect("it connects")
}

async fn call(client: &Connected, tool: &'static str, arguments: Value) -> String {
    let params = CallToolRequestParams::new(tool).with_arguments(of(arguments));
    let result = within(PATIENCE, client.call_tool(params)).await.expect("a result");
    json_of(result).to_string()
}

/// Questions: a form where the revision has them, the model, the roots.
async fn asks(client: &Connected, has_forms: bool) {
    if has_forms {
        assert!(call(client, "elicitation-request", json!({})).await.contains("Ada"));
    }
    let said = call(client, "sampling-request", json!({ "prompt": "hi" })).await;
    assert!(said.contains("said the model"), "{said}");
    assert!(call(client, "get-roots-list", json!({})).await.contains("file:///home"));
}

/// Resources in pages, one of them read, families, prompts, completion.
async fn reads(client: &Connected) {
    let resources = client.list_all_resources().await.expect("resources");
    assert!(resources.len() > 100, "{}", resources.len());
    let params: ReadResourceRequestParams = of(json!({ "uri": "test://static/resource/1" }));
    let read = json_of(client.read_resource(params).await.expect("a resource"));
    assert_eq!(read["contents"][0]["text"], "Resource 1: This is a plaintext resource");
    let families = client.list_all_resource_templates().await.expect("families");
    assert!(!families.is_empty());
    let prompts = client.list_all_prompts().await.expect("prompts");
    assert!(prompts.iter().any(|prompt| prompt.name == "args-prompt"));
    let params: GetPromptRequestParams =
        of(json!({ "name": "args-prompt", "arguments": { "city": "Oslo" } }));
    let prompt = json_of(client.get_prompt(params).await.expect("a prompt"));
    assert!(prompt.to_string().contains("Oslo"), "{prompt}");
    let family = "test://static/resource/{id}";
    let suggested = client.complete_resource_simple(family, "id", "10").await;
    assert_eq!(suggested.expect("suggestions"), ["10", "100"]);
}

async fn it_does_everything_in_sessions_of_each_revision(setup: Setup) {
    let world = setup.start().await;
    for (revision, has_forms) in [
        (ProtocolVersion::V_2025_11_25, true),
        (ProtocolVersion::V_2025_06_18, true),
        (ProtocolVersion::V_2025_03_26, false),
    ] {
        let client = connect(&world, &revision, ClientLifecycleMode::Initialize).await;
        assert_eq!(client.peer_info().expect("it has met the server").protocol_version, revision);
        asks(&client, has_forms).await;
        reads(&client).await;
        let level: SetLevelRequestParams = of(json!({ "level": "warning" }));
        client.set_level(level).await.expect("a level");
        let uri = json!({ "uri": "test://static/resource/1" });
        let wanted: SubscribeRequestParams = of(uri.clone());
        client.subscribe(wanted).await.expect("a subscription");
        let unwanted: UnsubscribeRequestParams = of(uri);
        client.unsubscribe(unwanted).await.expect("its end");
        let _ = client.cancel().await.expect("it ends in order");
    }
}

async fn it_does_everything_in_the_newest_revision(setup: Setup) {
    let world = setup.setting("MCP_TOOLSETS", "everything,calculator,skills").start().await;
    let revision = ProtocolVersion::V_2026_07_28;
    let newest = ClientLifecycleMode::Discover { preferred_versions: vec![revision.clone()] };
    let client = connect(&world, &revision, newest).await;
    asks(&client, true).await;
    reads(&client).await;
    follows_a_task(&client).await;
    finds_skills(&client).await;
    let filter: SubscriptionFilter =
        of(json!({ "resourceSubscriptions": ["test://static/resource/1"] }));
    let mut subscription =
        within(PATIENCE, client.listen(filter)).await.expect("an acknowledged subscription");
    subscription.cancel().await.expect("its end");
    let _ = client.cancel().await.expect("it ends in order");
}

/// A call that goes on as a task is looked at until it is done.
async fn follows_a_task(client: &Connected) {
    let arguments = of(json!({ "topic": "tides" }));
    let params = CallToolRequestParams::new("simulate-research-query").with_arguments(arguments);
    let started = within(PATIENCE, client.call_tool_once(params)).await.expect("an answer");
    let CallToolResponse::Task(created) = started else { panic!("no task: {started:?}") };
    let done = eventually(PATIENCE * 3, || async {
        let asked = client.get_task(GetTaskParams::new(&created.task.task_id)).await;
        Some(json_of(asked.expect("a task"))).filter(|task| task["status"] == "completed")
    });
    let done = done.await;
    assert!(done["result"].to_string().contains("tides"), "{done}");
}

/// A skill is listed, named, and its directory read; what is listed is what is read.
async fn finds_skills(client: &Connected) {
    let skills = json_of(client.list_all_skills().await.expect("skills"));
    let uri = skills[0]["uri"].as_str().expect("a skill");
    let params: GetSkillRequestParams = of(json!({ "uri": uri }));
    let one = json_of(client.get_skill(params).await.expect("a skill"));
    assert_eq!(one["skill"], skills[0]);
    let root = uri.strip_suffix("/SKILL.md").expect("its directory");
    let params: ReadResourceDirectoryRequestParams = of(json!({ "uri": root }));
    let children = json_of(client.read_resource_directory(params).await.expect("a directory"));
    assert_eq!(children["resources"][1]["mimeType"], "inode/directory", "{children}");
    let params: ReadResourceRequestParams = of(json!({ "uri": uri }));
    let read = json_of(client.read_resource(params).await.expect("a file"));
    let text = read["contents"][0]["text"].as_str().expect("a text");
    assert_eq!(skills[0]["resources"][0]["size"], text.len());
}

//! The rest of what the official Rust SDK can over HTTP: the whole catalogue, every question,
//! subscriptions, logs, cancellation, and in the newest revision tasks and skills.
#![expect(deprecated, reason = "the SDK marks what only sessions have, and sessions are served")]

use std::time::Duration;

use chassis::client::{Timeouts, http_client};
use e2e::{Setup, World};
use rmcp::{
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientRequest,
        GetSkillRequestParams, GetTaskParams, ReadResourceDirectoryRequestParams,
        ReadResourceRequestParams, RequestMetaObject, SetLevelRequestParams,
        SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::PeerRequestOptions,
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::{PATIENCE, as_time_passes, eventually, within};

use crate::{
    rmcp_app::{App, Connected, Told, call, json_of, of, walk},
    support::{WITH_SESSIONS, standing},
};

on_both_stores![
    it_walks_the_whole_catalogue_in_every_revision,
    it_is_told_of_changes_and_logs_in_a_session,
    it_is_told_of_changes_and_logs_without_a_session,
    it_follows_answers_and_cancels_tasks,
    it_finds_skills,
    it_cancels_what_it_has_asked_for,
];

const WATCHED: &str = "test://static/resource/1";

/// How far time goes on at once for what waits for it: no wait for a store ends by that.
const STEP: Duration = Duration::from_millis(200);

async fn connect(world: &World, revision: Revision) -> Connected {
    let alice = world.login("alice").await;
    let config = StreamableHttpClientTransportConfig::with_uri(world.endpoint());
    let config = config.auth_header(alice.access());
    let timeouts = Timeouts { connect: PATIENCE, total: 6 * PATIENCE };
    let http = http_client("rmcp", timeouts).expect("an HTTP client");
    App::speaking(revision).connect(StreamableHttpClientTransport::with_client(http, config)).await
}

async fn goes(client: Connected) {
    let _ = client.cancel().await.expect("it ends in order");
}

async fn it_walks_the_whole_catalogue_in_every_revision(setup: Setup) {
    let world = setup.start().await;
    for revision in WITH_SESSIONS.into_iter().chain([Revision::V2026_07_28]) {
        let client = connect(&world, revision).await;
        Box::pin(walk(&client)).await;
        goes(client).await;
    }
}

fn is_update(told: &Told) -> bool {
    *told == Told::Updated(WATCHED.to_owned())
}

async fn it_is_told_of_changes_and_logs_in_a_session(setup: Setup) {
    let world = setup.start().await;
    for revision in WITH_SESSIONS {
        let client = connect(&world, revision).await;
        let level: SetLevelRequestParams = of(json!({ "level": "debug" }));
        client.set_level(level).await.expect("a level");
        let wanted: SubscribeRequestParams = of(json!({ "uri": WATCHED }));
        client.subscribe(wanted).await.expect("a subscription");
        client.notify_roots_list_changed().await.expect("it may say so");
        call(&client, "toggle-subscriber-updates", json!({})).await;
        call(&client, "toggle-logging", json!({})).await;
        client.service().hears(is_update).await;
        client.service().hears(|told| *told == Told::Log).await;
        let unwanted: UnsubscribeRequestParams = of(json!({ "uri": WATCHED }));
        client.unsubscribe(unwanted).await.expect("its end");
        goes(client).await;
    }
}

async fn it_is_told_of_changes_and_logs_without_a_session(setup: Setup) {
    let world = setup.start().await;
    let client = connect(&world, Revision::V2026_07_28).await;
    let filter: SubscriptionFilter = of(json!({ "resourceSubscriptions": [WATCHED] }));
    let listening = within(PATIENCE, client.listen(filter)).await;
    let mut subscription = listening.expect("an acknowledged subscription");
    assert_eq!(json_of(subscription.acknowledged())["resourceSubscriptions"], json!([WATCHED]));
    call(&client, "toggle-subscriber-updates", json!({})).await;
    let told = within(PATIENCE, subscription.next()).await.expect("it goes on");
    assert_eq!(json_of(told)["params"]["uri"], WATCHED);
    subscription.cancel().await.expect("its end");
    let mut meta = RequestMetaObject::default();
    meta.set_log_level(of(json!("debug")));
    let params: CallToolRequestParams = of(json!({ "name": "toggle-logging", "_meta": meta }));
    let _ = within(PATIENCE, client.call_tool(params)).await.expect("a result");
    client.service().hears(|told| *told == Told::Log).await;
    goes(client).await;
}

/// A call that goes on as a task.
async fn started(client: &Connected, arguments: Value) -> String {
    let params: CallToolRequestParams =
        of(json!({ "name": "simulate-research-query", "arguments": arguments }));
    let started = within(PATIENCE, client.call_tool_once(params)).await.expect("an answer");
    let CallToolResponse::Task(created) = started else { panic!("no task: {started:?}") };
    created.task.task_id.clone()
}

/// Looks at a task until it has a status.
async fn becomes(world: &World, client: &Connected, id: &str, status: &str) -> Value {
    let looking = eventually(PATIENCE, || async {
        let asked = client.get_task(GetTaskParams::new(id)).await;
        Some(json_of(asked.expect("a task"))).filter(|task| task["status"] == status)
    });
    as_time_passes(&world.clock, STEP, looking).await
}

async fn it_follows_answers_and_cancels_tasks(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let client = connect(&world, Revision::V2026_07_28).await;
    let id = started(&client, json!({ "topic": "python", "ambiguous": true })).await;
    let asking = becomes(&world, &client, &id, "input_required").await;
    let questions = asking["inputRequests"].as_object().expect("questions");
    let answer = json!({ "action": "accept", "content": { "interpretation": "snake" } });
    let answers = questions.keys().map(|key| (key.clone(), answer.clone())).collect();
    client.update_task(UpdateTaskParams::new(&id, answers)).await.expect("it is taken");
    let done = becomes(&world, &client, &id, "completed").await;
    assert!(done["result"].to_string().contains("# Research Report: python"), "{done}");
    let id = started(&client, json!({ "topic": "tides" })).await;
    client.cancel_task(CancelTaskParams::new(&id)).await.expect("it is heard");
    becomes(&world, &client, &id, "cancelled").await;
    goes(client).await;
}

/// A skill is listed, named, and its directory read; what is listed is what is read.
async fn it_finds_skills(setup: Setup) {
    let world = setup.setting("MCP_TOOLSETS", "everything,skills").start().await;
    let client = connect(&world, Revision::V2026_07_28).await;
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
    goes(client).await;
}

async fn it_cancels_what_it_has_asked_for(setup: Setup) {
    let world = setup.start().await;
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let client = connect(&world, revision).await;
        let arguments = json!({ "duration": 60, "steps": 100 });
        let params = of(json!({ "name": "long-running-operation", "arguments": arguments }));
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let asked = client.send_cancellable_request(request, PeerRequestOptions::no_options());
        let asked = within(PATIENCE, asked).await.expect("it is sent");
        client.service().hears(|told| matches!(told, Told::Progress(_))).await;
        asked.cancel(Some("enough".to_owned())).await.expect("it is said");
        let echoed = call(&client, "echo", json!({ "message": "still there" })).await;
        assert_eq!(echoed["content"][0]["text"], "Echo: still there");
        goes(client).await;
    }
}

//! The official Rust SDK as a client: nobody here wrote it, and it is not told that it is tested.

use std::{sync::Arc, time::Duration};

use chassis::client::{Timeouts, http_client};
use e2e::{CALLBACK, Setup, World};
use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
        ElicitationAction, ElicitationCapability, Implementation, ProgressNotificationParam,
        ProtocolVersion,
    },
    service::{ClientInitializeError, NotificationContext, RequestContext, RunningService},
    transport::{
        AuthClient, AuthorizationManager, AuthorizationRequest, StreamableHttpClientTransport,
        auth::OAuthState, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use testkit::{PATIENCE, within};
use tokio::sync::watch;

use crate::support::{filled_in, told_name};

on_both_stores![
    it_speaks_the_newest_revision_with_a_token,
    it_opens_sessions_of_the_older_revisions_with_a_token,
    it_finds_the_newest_revision_by_itself,
    it_finds_its_own_way_to_a_token_and_refreshes_it,
];

/// The application around the SDK: it fills in forms and watches progress.
#[derive(Clone)]
struct App {
    revision: ProtocolVersion,
    progress: Arc<watch::Sender<Vec<f64>>>,
}

type Connected = RunningService<RoleClient, App>;

impl ClientHandler for App {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::default());
        let info = Implementation::new("rmcp", "3.9");
        ClientConfig::new(capabilities, info).with_protocol_version(self.revision.clone())
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let content = filled_in("Ada")["content"].clone();
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.progress.send_modify(|told| told.push(params.progress));
    }
}

fn app(revision: &ProtocolVersion) -> App {
    App { revision: revision.clone(), progress: Arc::default() }
}

fn newest() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

async fn connect(
    world: &World,
    revision: &ProtocolVersion,
    lifecycle: ClientLifecycleMode,
) -> Connected {
    let alice = world.login("alice").await;
    let config = StreamableHttpClientTransportConfig::with_uri(world.endpoint());
    let config = config.auth_header(alice.access());
    let transport = StreamableHttpClientTransport::from_config(config);
    connected(app(revision).serve_with_lifecycle(transport, lifecycle)).await
}

/// Boxed, because what the SDK does to connect is large.
fn connected(
    connecting: impl Future<Output = Result<Connected, ClientInitializeError>>,
) -> impl Future<Output = Connected> {
    let connecting = Box::pin(connecting);
    async { within(PATIENCE, connecting).await.expect("it connects") }
}

async fn call(client: &Connected, tool: &'static str, arguments: Value) -> Value {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = within(PATIENCE, client.call_tool(params)).await.expect("a result");
    serde_json::to_value(result).expect("a result is JSON")
}

/// Everything that the tools need: a list, an answer, a stream with progress, a question.
async fn is_served(client: Connected, revision: &ProtocolVersion) {
    let spoken = client.peer_info().expect("it has met the server").protocol_version.clone();
    assert_eq!(&spoken, revision);
    let tools = client.list_all_tools().await.expect("a list");
    assert!(tools.iter().any(|tool| tool.name == "add"));
    let text = |result: &Value| result["content"][0]["text"].clone();
    let echoed = call(&client, "echo", json!({ "message": "hi" })).await;
    assert_eq!(text(&echoed), "Echo: hi");
    let added = call(&client, "add", json!({ "a": 2, "b": 3 })).await;
    assert_eq!(text(&added), "The sum of 2 and 3 is 5.");
    let mut progress = client.service().progress.subscribe();
    let steps = json!({ "duration": 0.02, "steps": 3 });
    let done = call(&client, "long-running-operation", steps).await;
    assert!(text(&done).as_str().is_some_and(|text| text.contains("completed")), "{done}");
    let all = progress.wait_for(|told| *told == [1.0, 2.0, 3.0]);
    drop(within(PATIENCE, all).await.expect("progress was told"));
    let asked = call(&client, "elicitation-request", json!({})).await;
    assert_eq!(told_name(&asked), "Ada");
    let _ = client.cancel().await.expect("it ends in order");
}

async fn it_speaks_the_newest_revision_with_a_token(setup: Setup) {
    let world = setup.start().await;
    let revision = ProtocolVersion::V_2026_07_28;
    Box::pin(is_served(connect(&world, &revision, newest()).await, &revision)).await;
}

async fn it_opens_sessions_of_the_older_revisions_with_a_token(setup: Setup) {
    let world = setup.start().await;
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2025_06_18] {
        let client = connect(&world, &revision, ClientLifecycleMode::Initialize).await;
        Box::pin(is_served(client, &revision)).await;
    }
}

async fn it_finds_the_newest_revision_by_itself(setup: Setup) {
    let world = setup.start().await;
    let auto = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    };
    let client = connect(&world, &ProtocolVersion::V_2025_11_25, auto).await;
    Box::pin(is_served(client, &ProtocolVersion::V_2026_07_28)).await;
}

/// The SDK's own OAuth, with a person in the browser.
async fn authorized(world: &World) -> AuthorizationManager {
    let mut oauth = OAuthState::new(world.endpoint(), None).await.expect("an endpoint");
    let request = AuthorizationRequest::new(CALLBACK).with_client_name("rmcp");
    oauth.start_authorization(request).await.expect("discovery and registration");
    let url = oauth.get_authorization_url().await.expect("an address to open");
    let callback = world.walk(&url, "alice").await;
    oauth.handle_callback_url(callback.as_str()).await.expect("a token");
    oauth.into_authorization_manager().expect("it is authorized")
}

async fn it_finds_its_own_way_to_a_token_and_refreshes_it(setup: Setup) {
    let world = setup.start().await;
    let manager = authorized(&world).await;
    let first = manager.get_access_token().await.expect("a token");
    let _ = manager.refresh_token().await.expect("another token");
    assert_ne!(manager.get_access_token().await.expect("a token"), first);
    let timeouts = Timeouts { connect: PATIENCE, total: Duration::from_mins(1) };
    let http = http_client("rmcp", timeouts).expect("an HTTP client");
    let config = StreamableHttpClientTransportConfig::with_uri(world.endpoint());
    let client = AuthClient::new(http, manager);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let revision = ProtocolVersion::V_2026_07_28;
    let connecting = app(&revision).serve_with_lifecycle(transport, newest());
    Box::pin(is_served(connected(connecting).await, &revision)).await;
}
